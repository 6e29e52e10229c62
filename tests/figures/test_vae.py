import numpy as np
import pytest

from oneshot_tf.figures import drawing, vae

SHAPES = {"reconstruction": (3, 5), "swap": (4, 4), "traversal": (2, 9)}


def pictures(name, channels):
    random = np.random.default_rng(0)
    return random.random((*SHAPES[name], 6, 6, channels)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", SHAPES)
def test_every_picture_has_its_cell(name, channels):
    drawn = vae.make({name: pictures(name, channels), "support": None})
    assert set(drawn) == {name}
    figure = drawn[name]
    assert len(figure.axes) == np.prod(SHAPES[name])
    shown = figure.axes[-1].images[0].get_array()
    last = pictures(name, channels)[-1, -1]
    expected = 1.0 - np.repeat(last, 3, axis=-1) if channels == 1 else last
    np.testing.assert_allclose(shown, expected, atol=1e-6)
    assert drawing.render(figure).std() > 10


def test_nothing_to_draw_is_no_figure():
    assert vae.make({"support": None}) == {}
