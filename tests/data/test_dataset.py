import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from oneshot_tf.data.dataset import Dataset, from_classes
from oneshot_tf.errors import UserError


def numbered(sizes):
    """Classes "c0", "c1", ...; picture k of class c is filled with 16 c + k."""
    return {
        f"c{c}": np.stack([np.full((2, 2, 1), 16 * c + k, np.uint8) for k in range(size)])
        for c, size in enumerate(sizes)
    }


@hypothesis.given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.randoms())
@hypothesis.settings(deadline=None)
def test_select_keeps_each_class_whole(sizes, random):
    dataset = from_classes("d", numbered(sizes))
    assert dataset.class_sizes.tolist() == sizes
    names = random.sample(dataset.class_names, random.randint(1, len(sizes)))
    chosen = dataset.select(names)
    assert chosen.class_names == tuple(names)
    for i, name in enumerate(names):
        own = chosen.images[chosen.offsets[i] : chosen.offsets[i + 1], 0, 0, 0]
        assert own.tolist() == [16 * int(name[1:]) + k for k in range(sizes[int(name[1:])])]


def test_select_names_what_is_missing():
    with pytest.raises(UserError, match="'gone'"):
        from_classes("d", numbered([2, 2])).select(["c0", "gone"])


def test_no_classes():
    with pytest.raises(UserError, match="no classes"):
        from_classes("d", {})


@pytest.mark.parametrize(
    "change, message",
    [
        ({"images": np.zeros((4, 2, 2, 1), np.float32)}, "uint8"),
        ({"images": np.zeros((4, 2, 2), np.uint8)}, "uint8"),
        ({"offsets": np.array([0, 2, 3])}, "offsets"),
        ({"offsets": np.array([1, 2, 4])}, "offsets"),
        ({"offsets": np.array([0, 4])}, "offsets"),
        ({"class_names": ("a", "a")}, "unique"),
    ],
)
def test_checks(change, message):
    good = {
        "name": "d",
        "images": np.zeros((4, 2, 2, 1), np.uint8),
        "offsets": np.array([0, 2, 4]),
        "class_names": ("a", "b"),
    }
    Dataset(**good)
    with pytest.raises(ValueError, match=message):
        Dataset(**{**good, **change})


def test_hash_sees_names_sizes_and_pixels():
    classes = numbered([2, 3])
    base = from_classes("d", classes).sha256()
    assert from_classes("other name", classes).sha256() == base
    renamed = {"x": classes["c0"], "c1": classes["c1"]}
    changed = {**classes, "c1": classes["c1"] + 1}
    moved = {"c0": np.concatenate([classes["c0"], classes["c1"][:1]]), "c1": classes["c1"][1:]}
    hashes = {from_classes("d", c).sha256() for c in (renamed, changed, moved)}
    assert len(hashes) == 3 and base not in hashes


def test_mirrored_copies_stand_behind_the_others():
    random = np.random.default_rng(0)
    pictures = {
        name: random.integers(0, 256, (n, 3, 3, 1), np.uint8) for name, n in [("a", 1), ("b", 2)]
    }
    dataset = from_classes("d", pictures)
    assert dataset.with_mirrored_copies("none") is dataset
    for side in ("horizontal", "vertical"):
        mirrored = dataset.with_mirrored_copies(side)
        assert mirrored.class_sizes.tolist() == [2, 4]
        for y in range(3):
            for x in range(3):
                from_y, from_x = (y, 2 - x) if side == "horizontal" else (2 - y, x)
                assert (mirrored.images[4:, y, x] == pictures["b"][:, from_y, from_x]).all()
        assert (mirrored.images[2:4] == pictures["b"]).all()


def test_small_classes_are_left_out():
    dataset = from_classes("d", numbered([1, 3, 2]))
    assert dataset.with_at_least(2).class_names == ("c1", "c2")
    with pytest.raises(UserError, match="at most 3"):
        dataset.with_at_least(4)
