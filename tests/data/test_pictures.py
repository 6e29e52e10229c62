import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from PIL import Image

from oneshot_tf.data import pictures
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

GRAY = DataOptions(image_size=16)
COLOUR = DataOptions(image_size=16, channels=3)


def light(size=16):
    return DataOptions(image_size=size, ink="light")


# decode


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_what_telephones_save_is_named(brand):
    with pytest.raises(UserError, match="x.HEIC is a HEIC picture.*save it as JPEG or PNG"):
        pictures.decode(b"\x00\x00\x00\x18ftyp" + brand + bytes(40), "x.HEIC")


@pytest.mark.parametrize("content", [b"", b"no picture", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_decode_names_the_file(content):
    with pytest.raises(UserError, match=r"x\.png is not a readable picture") as caught:
        pictures.decode(content, "x.png")
    assert "\n" not in str(caught.value)


@hypothesis.given(st.integers(0, 400), st.integers(0, 255))
@hypothesis.settings(max_examples=60, deadline=None)
def test_decode_of_a_damaged_picture_is_a_picture_or_a_user_error(encode, position, value):
    content = bytearray(encode(np.arange(600, dtype=np.uint8).reshape(20, 30)))
    content[position % len(content)] = value
    try:
        assert pictures.decode(bytes(content), "x").load()
    except UserError as error:
        assert "not a readable picture" in str(error)


def test_decode_refuses_a_bomb(encode, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match="not a readable picture"):
        pictures.decode(encode(np.zeros((50, 50), np.uint8)), "x")


# to_array


@hypothesis.given(st.integers(5, 60), st.integers(0, 45), st.integers(0, 45))
@hypothesis.settings(max_examples=40, deadline=None)
def test_shrinking_preserves_area(size, top, left):
    """Antialiased: a thin stroke does not vanish, wherever it lies."""
    pixels = np.zeros((105, 105), np.uint8)
    pixels[20 + top : 23 + top, 20 + left : 40 + left] = 255
    small = pictures.to_array(Image.fromarray(pixels), size, 1)
    assert small.shape == (size, size, 1)
    np.testing.assert_allclose(small.mean(), pixels.mean(), rtol=0.15, atol=0.05)


def test_keeps_size_and_repeats_gray():
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    array = pictures.to_array(image, None, 3)
    assert array.shape == (3, 4, 3) and array.dtype == np.uint8
    np.testing.assert_array_equal(array[..., 0], array[..., 2])


# prepare


def centre(array):
    return array[array.shape[0] // 2, array.shape[1] // 2]


def stroke(ink, paper, shape=(40, 40)):
    pixels = np.full(shape, paper, np.uint8)
    pixels[shape[0] // 4 : -(shape[0] // 4), shape[1] // 4 : -(shape[1] // 4)] = ink
    return pixels


@pytest.mark.parametrize(
    "ink, paper, side, expected",
    [
        (0, 255, "auto", (255, 0)),
        (255, 0, "auto", (255, 0)),
        (0, 255, "dark", (255, 0)),
        (255, 0, "light", (255, 0)),
        (255, 0, "dark", (0, 255)),
        (0, 255, "light", (0, 255)),
    ],
)
def test_ink(encode, ink, paper, side, expected):
    options = DataOptions(image_size=16, ink=side)
    array = pictures.prepare(encode(stroke(ink, paper)), "x", options)
    assert (centre(array)[0], array[0, 0, 0]) == expected


def test_colour_is_kept(encode):
    pixels = np.full((20, 20, 3), (250, 200, 10), np.uint8)
    array = pictures.prepare(encode(pixels), "x", COLOUR)
    np.testing.assert_array_equal(array, np.broadcast_to([250, 200, 10], (16, 16, 3)))


@pytest.mark.parametrize("shape", [(8, 32), (32, 8), (1, 32), (31, 8)])
def test_padded_with_the_border_and_not_distorted(encode, shape):
    pixels = np.full(shape, 60, np.uint8)
    if min(shape) > 2:
        pixels[1:-1, 1:-1] = 255
    side = max(shape)
    array = pictures.prepare(encode(pixels), "x", light(side))[..., 0]
    top, left = (side - shape[0]) // 2, (side - shape[1]) // 2
    expected = np.full((side, side), 60, np.uint8)
    expected[top : top + shape[0], left : left + shape[1]] = pixels
    np.testing.assert_array_equal(array, expected)


def test_padding_of_one_border_pixel_in_another_colour_is_the_median(encode):
    pixels = np.full((10, 20), 40, np.uint8)
    pixels[0, 0] = 255
    assert pictures.prepare(encode(pixels), "x", light(20))[0, 0, 0] == 40


def test_sixteen_bits(encode):
    pixels = np.full((8, 8), 32768, np.uint16)
    array = pictures.prepare(encode(Image.fromarray(pixels)), "x", light())
    assert (array == 128).all()


def test_transparency_is_white(encode):
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[5:15, 5:15] = (0, 0, 0, 255)
    array = pictures.prepare(encode(pixels), "x", GRAY)
    assert array[0, 0, 0] == 0 and centre(array)[0] == 255  # black ink on white paper
    colour = pictures.prepare(encode(pixels), "x", COLOUR)
    assert colour[0, 0].tolist() == [255] * 3 and centre(colour).tolist() == [0] * 3


def test_palette_with_transparency(encode):
    image = Image.new("P", (20, 20), 1)
    image.putpalette([255, 0, 0, 0, 0, 0])
    image.paste(0, (5, 5, 15, 15))
    array = pictures.prepare(encode(image, "PNG", transparency=1), "x", COLOUR)
    assert array[0, 0].tolist() == [255] * 3 and centre(array).tolist() == [255, 0, 0]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "F"])
@pytest.mark.parametrize("options", [GRAY, COLOUR], ids=["gray", "colour"])
def test_every_mode(encode, mode, options):
    if mode == "I;16":
        image = Image.fromarray(stroke(0, 255).astype(np.uint16) * 257)
    elif mode == "I":
        image = Image.fromarray(stroke(0, 255).astype(np.int32) * 257)
    else:
        image = Image.fromarray(stroke(0, 255)).convert("RGB" if mode == "CMYK" else mode)
        image = image.convert(mode)
    array = pictures.prepare(encode(image, "TIFF"), "x", options)
    middle, corner = int(centre(array)[0]), int(array[0, 0, 0])
    assert abs(middle - corner) > 250
    assert (middle > corner) == (options.channels == 1)


def test_exif_orientation(encode):
    pixels = np.zeros((16, 16), np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned by 90 degrees clockwise
    array = pictures.prepare(encode(pixels, exif=exif), "x", light())[..., 0]
    np.testing.assert_array_equal(array, np.rot90(pixels, -1))


def test_extreme_panorama_needs_little_memory(encode):
    array = pictures.prepare(encode(np.full((1, 60_000), 9, np.uint8)), "x", light())
    assert (array == 9).all()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
def test_formats(encode, format):
    array = pictures.prepare(encode(stroke(0, 255), format), "x", GRAY)
    assert centre(array)[0] > 250 and array[0, 0, 0] < 5
