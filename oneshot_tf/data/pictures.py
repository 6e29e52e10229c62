"""Decoding and resizing of single pictures with Pillow."""

import io
import struct
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps

from oneshot_tf.errors import UserError

# What Pillow's readers raise on damaged files.
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, EOFError, struct.error, zlib.error)
_HEIC = {b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1"}  # what telephones take pictures in
SHORTER_SIDE = -1  # of `centre`: the largest square in the middle
MAX_PIXELS = 80_000_000  # a bomb of a few kilobytes may say that it has billions
warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # ours is lower, and an error
_LONGEST = 2048  # longer sides are halved, thirded, ... first: a padded panorama must fit in memory


def decode(content, where):
    """A Pillow image of the bytes of a picture file.

    Args:
      content: the file's bytes.
      where: what to call the file in an error.

    Raises:
      UserError: the bytes are no picture, are cut short, or are one of more than `MAX_PIXELS`.
    """
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC:
        raise UserError(
            f"{where} is a HEIC picture, which is not read here; save it as JPEG or PNG"
        )
    try:
        image = Image.open(io.BytesIO(content))
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        reason = "no known format" if isinstance(error, Image.UnidentifiedImageError) else error
        raise UserError(
            f"{where} is not a readable picture ({reason}); replace or remove it"
        ) from None
    return loaded(image, where)


def loaded(image, where):
    """A Pillow image whose pixels are there.

    Args:
      image: a Pillow image, which may know its header alone.
      where: what to call it in an error.

    Raises:
      UserError: as of `decode`.
    """
    if image.width * image.height > MAX_PIXELS:  # as the header says: none is decoded yet
        raise UserError(
            f"{where} has {image.width} x {image.height} pixels; expected at most "
            f"{MAX_PIXELS // 10**6} million; make it smaller or remove it"
        )
    try:
        image.load()
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        raise UserError(
            f"{where} is not a readable picture ({error}); replace or remove it"
        ) from None
    return image


def to_array(image, size, channels):
    """A uint8 array [size, size, channels] of a Pillow image, antialiased (triangle filter).

    `size` None keeps the picture's own size.
    """
    image = image.convert("L" if channels == 1 else "RGB")
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8).reshape(image.height, image.width, channels)


def centre(image, size):
    """The middle square of a Pillow image, where it is larger than that; `size` 0 leaves it."""
    if not size:
        return image
    if size == SHORTER_SIDE:
        size = min(image.size)
    width, height = min(size, image.width), min(size, image.height)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def prepare(content, where, options):
    """A picture file of a user as the models take it: `of_image` of `decode`."""
    return of_image(decode(content, where), where, options)


def of_image(image, where, options):
    """A picture of a user as the models take it.

    Turned as its EXIF says, transparency on white, padded to a square with the colour of its
    border, resized. A gray picture gets ink 255.

    Args:
      image: a Pillow image of any mode.
      where: what to call it in an error.
      options: `DataOptions`; `image_size`, `channels` and `ink` count.

    Returns:
      uint8 [image_size, image_size, channels].

    Raises:
      UserError: it has colours of a kind unknown here.
    """
    try:
        image = _flatten(_upright(image), "L" if options.channels == 1 else "RGB")
    except ValueError as error:
        raise UserError(
            f"{where} has colours of a kind unknown here ({error}); save it as PNG"
        ) from None
    image = image.reduce(-(-max(image.size) // _LONGEST))
    border = _border(np.asarray(image))
    if options.channels == 1 and is_dark_ink(border, options.ink):
        image, border = ImageOps.invert(image), 255 - border
    side = max(image.size)
    square = Image.new(
        image.mode, (side, side), tuple(int(value) for value in np.atleast_1d(border))
    )
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return to_array(square, options.image_size, options.channels)


def with_ink(array, ink):
    """A picture [H, W, C], inverted where it is gray and its ink is dark: see `is_dark_ink`."""
    inverted = array.shape[-1] == 1 and is_dark_ink(_border(array), ink)
    return 255 - array if inverted else array


def is_dark_ink(border, ink):
    """Whether the ink of a gray picture is its dark side, so that it has to be inverted.

    Args:
      border: the gray value of its border, 0 to 255.
      ink: "dark", "light", or "auto": dark where the border is bright.
    """
    return ink == "dark" or (ink == "auto" and border > 127)


def _upright(image):
    """The picture turned as its EXIF orientation says, which some cameras set."""
    try:
        return ImageOps.exif_transpose(image)
    except _DAMAGE:
        return image.copy()  # the tags are damaged, the pixels are not


def _flatten(image, mode):
    """The picture as 8-bit `mode` ("L" or "RGB") without transparency."""
    if image.mode.startswith(("I", "F")):
        image = _to_8_bit(image)
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB").convert(mode)


def _to_8_bit(image):
    """Gray of more than 8 bits, scaled; Pillow's own conversion cuts off above 255."""
    values = np.nan_to_num(np.asarray(image, np.float32))
    highest = values.max()
    if image.mode == "F":
        white = 1.0 if highest <= 1.0 else max(255.0, highest)
    else:
        white = max(65535.0, highest)
    return Image.fromarray(np.round(np.clip(values / white, 0.0, 1.0) * 255).astype(np.uint8))


def _border(pixels):
    """The median of the outermost pixels: uint8 [] for gray, [3] for colour."""
    edges = [pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]]
    return np.median(np.concatenate(edges), axis=0).astype(np.uint8)
