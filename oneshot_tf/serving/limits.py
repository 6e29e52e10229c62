"""What a request may demand of the machine, checked before a graph runs."""

import struct

from oneshot_tf.serving.rest_values import RequestError

MOST_PICTURES = 4096  # of one request; its embeddings are all in memory at once
MOST_PIXELS = 2**26  # of the encoded pictures of one request together
LARGE_PICTURES, LARGE_PIXELS = 512, 2**22  # beyond these, one request at a time

_PNG = b"\x89PNG\r\n\x1a\n"
_SIZED = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # JPEG's markers that say a picture's size


def check(arrays, image_shape):
    """Whether a request is large, so that it has to run alone.

    Args:
      arrays: {name: numpy array}, a request's tensors.
      image_shape: (H, W, C) of the model's pictures, or None.

    Raises:
      RequestError: it is larger than any may be.
    """
    pictures = pixels = 0
    for array in arrays.values():
        if array.dtype.kind == "O":
            pictures += array.size
            pixels += sum(area(content) for content in array.ravel())
        elif image_shape and array.shape[-3:] == tuple(image_shape):
            pictures += array.size // max(1, image_shape[0] * image_shape[1] * image_shape[2])
    if pictures > MOST_PICTURES:
        raise RequestError(
            f"A request must have at most {MOST_PICTURES} pictures or sentences. Received: {pictures}"
        )
    if pixels > MOST_PIXELS:
        raise RequestError(
            f"The pictures of a request must have at most {MOST_PIXELS // 10**6} million pixels "
            f"together. Received: {pixels / 1e6:.1f} million; send them smaller"
        )
    return pictures > LARGE_PICTURES or pixels > LARGE_PIXELS


def area(content):
    """The pixels that a PNG or JPEG file says it has; 0 of anything else."""
    if content[:8] == _PNG and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return width * height
    return _jpeg_area(content) if content[:2] == b"\xff\xd8" else 0


def _jpeg_area(content):
    """From the first marker that says a size; the parts before it are passed over."""
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if marker in _SIZED:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width * height
        at += 1 if marker == 0xFF else 2 + max(length, 2)
    return 0
