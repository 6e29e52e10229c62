import dataclasses
import importlib.resources
import json
import random

import numpy as np
import pytest

from oneshot_tf import data
from oneshot_tf.data import splits
from oneshot_tf.data.dataset import Dataset
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

COUNTS = {
    "vinyals": (1028, 172, 423),
    "background": (813, 151, 659),
    "flmn": (1100, 109, 414),
    "characters": (1028, 172, 423),
}


def parts(split):
    return split.train, split.validation, split.test


def every_class():
    """The 1,623 names, from a stored split."""
    return sorted(name for part in parts(splits.stored("vinyals")) for name in part)


def background_alphabets():
    split = splits.stored("background")
    return {name.split("/")[0] for name in split.train + split.validation}


def named(name, class_names):
    """A data set of empty pictures, one a class."""
    count = len(class_names)
    images = np.zeros((count, 2, 2, 1), np.uint8)
    return Dataset(name, images, np.arange(count + 1), tuple(class_names))


@pytest.mark.parametrize("name", splits.OMNIGLOT_SPLITS)
def test_stored_splits_follow_their_rule(name):
    split = splits.stored(name)
    assert split == splits.derive(name, every_class(), background_alphabets())


@pytest.mark.parametrize("name", splits.OMNIGLOT_SPLITS)
def test_stored_splits_are_disjoint_and_whole(name):
    split = splits.stored(name)
    together = [c for part in parts(split) for c in part]
    assert sorted(together) == every_class() and len(set(together)) == 1623


@pytest.mark.parametrize("name", splits.OMNIGLOT_SPLITS)
def test_counts(name):
    assert tuple(map(len, parts(splits.stored(name)))) == COUNTS[name]


def test_background_test_classes_are_lakes_evaluation_set():
    split, background = splits.stored("background"), background_alphabets()
    assert len(background) == 30
    test = {name.split("/")[0] for name in split.test}
    assert len(test) == 20 and not test & background
    validation = {name.split("/")[0] for name in split.validation}
    assert validation == set(sorted(background)[-5:])


def test_the_published_test_classes_of_vinyals():
    test = splits.stored("vinyals").test
    assert [c for c in test if c.startswith("Gurmukhi")] == [
        f"Gurmukhi/character{n}" for n in range(42, 46)
    ]
    assert len({c.split("/")[0] for c in test}) == 13


@pytest.mark.parametrize("name", splits.OMNIGLOT_SPLITS)
def test_a_stored_split_that_was_changed_is_refused(name, tmp_path, monkeypatch):
    folder = importlib.resources.files("oneshot_tf.data") / "split_files"
    fields = json.loads((folder / f"omniglot_{name}.json").read_text())
    assert fields["sha256"] == splits.stored(name).sha256()
    fields["test"]["Angelic"] = [99]
    (tmp_path / "split_files").mkdir()
    (tmp_path / "split_files" / f"omniglot_{name}.json").write_text(json.dumps(fields))
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    with pytest.raises(UserError, match=f"stored split {name} does not have its hash"):
        splits.stored(name)


def test_the_hash_is_of_the_parts_not_of_their_order():
    split = splits.make("a", ["x", "y"], ["z"], ["w"])
    assert split.sha256() == splits.make("b", ["y", "x"], ["z"], ["w"]).sha256()
    assert split.sha256() != splits.make("a", ["x", "z"], ["y"], ["w"]).sha256()
    assert split.describe() == {"name": "a", "classes": [2, 1, 1], "sha256": split.sha256()}


def test_parts_that_share_a_class_are_refused():
    with pytest.raises(ValueError, match="share classes"):
        splits.make("bad", ["a", "b"], ["c"], ["b"])


@pytest.mark.parametrize("count", [6, 7, 25, 100])
def test_shuffled_is_disjoint_and_seeded(count):
    names = [f"class{n}" for n in range(count)]
    split = splits.shuffled(names, 3)
    assert sorted(c for part in parts(split) for c in part) == sorted(names)
    assert min(map(len, parts(split))) >= 2
    backwards = names[::-1]
    random.Random(1).shuffle(backwards)
    assert splits.shuffled(backwards, 3) == split  # the order of the names has no say
    assert splits.shuffled(names, 4).sha256() != split.sha256()


def test_shares_of_shuffled():
    split = splits.shuffled([f"class{n}" for n in range(100)], 0)
    assert tuple(map(len, parts(split))) == (64, 16, 20)


def test_too_few_classes_to_split():
    with pytest.raises(UserError, match="at least 6 classes. Received: 5"):
        splits.shuffled(list("abcde"), 0)


def test_load_chooses_by_data_set_and_name():
    omniglot, other = named("omniglot", every_class()), named("folder", list("abcdefgh"))
    options = DataOptions(split_seed=2)
    assert splits.load(omniglot, options).name == "vinyals"
    for name in splits.OMNIGLOT_SPLITS:
        chosen = dataclasses.replace(options, split=name)
        assert splits.load(omniglot, chosen) == splits.stored(name)
    shuffled = splits.load(omniglot, dataclasses.replace(options, split="random"))
    assert shuffled == splits.shuffled(every_class(), 2)
    assert splits.load(other, options) == splits.shuffled(list("abcdefgh"), 2)


@pytest.mark.parametrize("name", [n for n, s in data.every().items() if s.splits])
def test_the_first_stored_split_is_the_default(name):
    first = splits.published_of(name)[0]
    dataset = named(name, [f"class{n}" for n in range(10)])
    assert splits.load(dataset, DataOptions()) == splits.stored(first, name)
    shuffled = splits.load(dataset, DataOptions(split="random"))
    assert shuffled == splits.shuffled(dataset.class_names, 0)


def test_the_scanned_split_is_refused():
    dataset = named("mini_imagenet", list("abcdefgh"))
    with pytest.raises(UserError, match="vinyals of mini_imagenet is not known whole"):
        splits.load(dataset, DataOptions(split="vinyals"))


def test_load_refuses_a_split_that_the_data_set_does_not_have():
    dataset = named("folder", list("abcdefgh"))
    with pytest.raises(
        UserError,
        match=r"must be one of random, or a file of your own \(FILE.json\). Received: vinyals",
    ):
        splits.load(dataset, DataOptions(split="vinyals"))


def test_compact_is_the_inverse_of_what_files_store():
    names = every_class()
    assert sorted(splits._expand(splits.compact(names))) == names
