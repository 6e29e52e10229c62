import numpy as np
import pytest

from oneshot_tf.data import glyphs
from oneshot_tf.run_config import DataOptions


def nearest_neighbour(dataset, episodes, way=5, queries=5):
    """Accuracy of the cosine on raw pixels, one shot."""
    random = np.random.default_rng(0)
    flat = dataset.images.reshape(len(dataset.images), -1).astype(np.float32)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    right = []
    for _ in range(episodes):
        classes = random.choice(dataset.num_classes, way, replace=False)
        chosen = np.stack(
            [dataset.offsets[c] + random.permutation(20)[: 1 + queries] for c in classes]
        )
        guesses = (flat[chosen[:, 1:]] @ flat[chosen[:, 0]].T).argmax(-1)
        right.append(guesses == np.arange(way)[:, None])
    return np.mean(right)


def test_size_and_names(all_glyphs):
    assert all_glyphs.name == "glyphs"
    assert all_glyphs.images.shape == (32460, 20, 20, 1)
    assert all_glyphs.class_sizes.tolist() == [20] * 1623
    assert all_glyphs.class_names == tuple(sorted(all_glyphs.class_names))
    alphabets = [name.split("/")[0] for name in all_glyphs.class_names]
    assert len(set(alphabets)) == 50
    assert {alphabets.count(alphabet) for alphabet in set(alphabets)} == {32, 33}
    assert all_glyphs.class_names[0] == "Alphabet01/character01"


def test_ink_is_one(all_glyphs):
    assert 0.06 < all_glyphs.images.mean() / 255 < 0.1
    assert all_glyphs.images.max(axis=(1, 2, 3)).min() > 100  # none is empty


def test_every_drawing_differs(all_glyphs):
    assert len({image.tobytes() for image in all_glyphs.images}) == len(all_glyphs.images)


def test_second_load_is_from_the_cache(all_glyphs, session_cache, monkeypatch):
    monkeypatch.setenv("ONESHOT_TF_CACHE", str(session_cache))
    monkeypatch.setattr(glyphs, "build", lambda *args: pytest.fail("drawn again"))
    again = glyphs.load(None, DataOptions(image_size=20))
    assert again.sha256() == all_glyphs.sha256()


def test_a_class_does_not_depend_on_the_others(all_glyphs):
    few = glyphs.build(3, 20, 1)
    assert few.class_names == all_glyphs.class_names[:3]
    np.testing.assert_array_equal(few.images, all_glyphs.images[:60])


def test_colour_is_gray_three_times():
    gray, colour = glyphs.build(1, 28, 1), glyphs.build(1, 28, 3)
    np.testing.assert_array_equal(colour.images, np.repeat(gray.images, 3, axis=-1))


def test_pixels_alone_do_not_solve_it(all_glyphs):
    assert 0.46 < nearest_neighbour(all_glyphs, 400) < 0.62


def test_as_hard_for_pixels_as_omniglot(all_glyphs, all_omniglot):
    ours, real = (nearest_neighbour(dataset, 400) for dataset in (all_glyphs, all_omniglot))
    assert abs(ours - real) < 0.08
    assert abs(all_glyphs.images.mean() - all_omniglot.images.mean()) < 0.015 * 255
