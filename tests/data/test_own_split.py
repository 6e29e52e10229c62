"""A user's own split, from a file."""

import json

import pytest

from oneshot_tf.data import own_split, splits
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

DATASET = splits.Named("folder", ("ant", "bee", "cat", "dog", "emu", "fox"))
PARTS = {"train": ["fox", "ant"], "validation": ["cat"], "test": ["emu", "dog"]}


def load(path, content):
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return splits.load(DATASET, DataOptions(dataset="folder", split=str(path)))


def test_the_files_classes_under_its_name(tmp_path):
    split = load(tmp_path / "my-own.json", PARTS)
    assert split == splits.make("my-own", ("fox", "ant"), ("cat",), ("emu", "dog"))
    assert split.train == ("ant", "fox") and "bee" not in split.test


@pytest.mark.parametrize("validation", [{}, {"validation": []}])
def test_no_class_need_validate(tmp_path, validation):
    split = load(tmp_path / "a.json", {"train": ["ant"], "test": ["bee", "cat"], **validation})
    assert split.validation == ()


def test_only_json_files_are_files():
    assert own_split.is_file("x/mine.JSON")
    assert not any(map(own_split.is_file, (None, "random", "vinyals", "mine.txt")))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "is not JSON"),
        ([1], "Received: no object"),
        ({**PARTS, "train": "ant"}, "Received: train is no list of names"),
        ({**PARTS, "test": [1, 2]}, "Received: test is no list of names"),
        ({**PARTS, "valid": ["bee"]}, r"the part 'valid' \(did you mean validation\?\)"),
        ({**PARTS, "test": ["emu", "doge", "elk"]}, r"'doge' \(did you mean dog\?\) and 1 more"),
        ({**PARTS, "test": ["emu", "fox"]}, "'fox' 2 times, in train and test"),
        ({**PARTS, "test": ["emu", "emu"]}, "'emu' 2 times, in test;"),
        ({**PARTS, "test": ["emu"]}, "at least 2 test classes. Received: 1"),
        ({"test": ["emu", "dog"]}, "at least 1 train classes. Received: 0"),
    ],
)
def test_what_is_no_split_of_the_data_set_is_refused(tmp_path, content, said):
    with pytest.raises(UserError, match=said) as error:
        load(tmp_path / "mine.json", content)
    assert str(tmp_path / "mine.json") in str(error.value)


@pytest.mark.parametrize("name", ["vinyals", "tseran", "random", "random-3", "all"])
def test_the_name_of_another_split_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="name of another split; rename the file"):
        load(tmp_path / f"{name}.json", PARTS)


def test_a_file_that_is_not_there(tmp_path):
    options = DataOptions(dataset="folder", split=str(tmp_path / "none.json"))
    with pytest.raises(UserError, match=r"none.json must be a file, .* nothing of that name"):
        splits.load(DATASET, options)
