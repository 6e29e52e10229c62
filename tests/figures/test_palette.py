import matplotlib
import numpy as np

from oneshot_tf.figures import palette


def test_classes_have_colours_of_their_own_until_they_recur():
    colours = palette.class_colours([4, 2, 2, 9])
    assert list(colours) == [2, 4, 9] and len(set(colours.values())) == 3
    many = palette.class_colours(range(20))
    assert many[0] == many[len(palette.CLASSES)]
    assert not {palette.RIGHT, palette.WRONG} & set(palette.CLASSES)


def test_text_can_be_read_on_every_colour():
    for colour in palette.CLASSES:
        light = np.mean(matplotlib.colors.to_rgb(colour)) > 0.5
        assert palette.text_on(colour) in ("black", "white")
        assert not (light and palette.text_on(colour) == "white")
    assert palette.text_on("white") == "black" and palette.text_on("#0072B2") == "white"


def test_ink_is_black_and_colours_stay(random):
    gray = np.array([0.0, 0.25, 1.5]).reshape(1, 3, 1)
    np.testing.assert_allclose(
        palette.for_eyes(gray)[0], [[1.0] * 3, [0.75] * 3, [0.0] * 3], atol=1e-7
    )
    colour = random.random((2, 2, 3))
    np.testing.assert_array_equal(palette.for_eyes(colour), colour)
