import numpy as np
import pytest
from PIL import Image

from oneshot_tf.serving import limits
from oneshot_tf.serving.rest_values import RequestError


def objects(*contents):
    array = np.empty(len(contents), object)
    array[:] = contents
    return array


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_area_is_what_the_header_says(encode, format, mode):
    assert limits.area(encode(Image.new(mode, (37, 21)), format)) == 37 * 21


def test_area_of_what_says_none(encode):
    jpeg = encode(Image.new("L", (9, 9)), "JPEG")
    for content in (
        b"",
        b"no picture",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8",
        jpeg[:20],
        b"\xff\xd8" + b"\xff" * 50,
    ):
        assert limits.area(content) == 0


def test_progressive_and_with_a_thumbnail(encode):
    image = Image.new("RGB", (64, 48))
    exif = image.getexif()
    exif[0x010E] = "x" * 500
    assert limits.area(encode(image, "JPEG", progressive=True, exif=exif)) == 64 * 48


def test_large_requests_run_alone(encode):
    small = encode(Image.new("L", (9, 9)))
    large = encode(Image.new("1", (3000, 2000)))
    assert not limits.check({"a": objects(small)}, None)
    assert limits.check({"a": objects(small, large)}, None)
    assert limits.check({"a": objects(*[small] * 513)}, None)
    assert not limits.check({"a": np.zeros([2, 5, 8, 8, 1])}, (8, 8, 1))
    assert limits.check({"a": np.zeros([2, 300, 8, 8, 1])}, (8, 8, 1))


def test_too_large_requests(encode):
    bomb = encode(Image.new("1", (8000, 8000)))
    assert len(bomb) < 20_000
    with pytest.raises(RequestError, match="67 million pixels"):
        limits.check({"a": objects(bomb, bomb)}, None)
    with pytest.raises(RequestError, match="at most 4096 pictures"):
        limits.check({"a": objects(*[b""] * 4097)}, None)
    with pytest.raises(RequestError, match="at most 4096 pictures"):
        limits.check({"a": np.zeros([1, 4097, 2, 2, 1])}, (2, 2, 1))
