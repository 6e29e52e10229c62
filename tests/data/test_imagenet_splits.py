import csv
import importlib.resources
import json
import random

import pytest

from oneshot_tf.data import image_files, imagenet_splits, splits
from oneshot_tf.errors import UserError
from oneshot_tf.files import dump

KNOWN = [f"n{n:08d}" for n in range(1_000_000, 9_000_000, 8_123)]
MENDED = {
    "n02909670": "n02909870",
    "n029706687": "n02966687",
    "n0335925": "n03355925",
    "n03649999": "n03649909",
}


def stored_fields(name):
    folder = importlib.resources.files("oneshot_tf.data") / "split_files"
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def some(count=30, seed=0):
    return sorted(random.Random(seed).sample(KNOWN, count))


@pytest.mark.parametrize(
    "a, b, distance",
    [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("n0335925", "n03355925", 1)],
)
def test_edit_distance(a, b, distance):
    assert imagenet_splits.edit_distance(a, b) == distance
    assert imagenet_splits.edit_distance(b, a) == distance


def test_a_list_without_slips_stays():
    assert imagenet_splits.mend(some(), KNOWN) == (tuple(some()), {}, ())


@pytest.mark.parametrize("seed", range(5))
def test_planted_slips_are_mended(seed):
    ids, numbers = some(seed=seed), random.Random(seed)
    slips = list(ids)
    for index in numbers.sample(range(30), 3):
        at = numbers.randrange(1, 9)
        letter = ids[index][at]
        slips[index] = ids[index][:at] + numbers.choice(["", letter * 2]) + ids[index][at + 1 :]
    found = imagenet_splits.mend(slips, KNOWN)
    assert not set(found.unmended) & set(KNOWN)
    for slip, other in found.mended.items():
        assert ids[slips.index(slip)] == other  # never to a wrong one
    assert len(found.mended) + len(found.unmended) == 3 and len(found.mended) >= 2


@pytest.mark.parametrize(
    "ids, known",
    [
        (["n1", "n23", "n5"], ["n1", "n22", "n24", "n5"]),  # two are equally near
        (["n1", "n31", "n4"], ["n1", "n21", "n4", "n91"]),  # both near, only one of them fits
        (["n10", "n951", "n30"], ["n10", "n30", "n95"]),  # the nearest would break the order
        (["n10", "n101", "n30"], ["n10", "n30"]),  # the nearest is in the list already
        (["n10", "n211", "n221", "n30"], ["n10", "n21", "n30", "n88"]),  # two for the same id
        (["n10", "n211", "n211", "n30"], ["n10", "n21", "n30"]),
    ],
)
def test_what_is_not_certain_is_not_mended(ids, known):
    found = imagenet_splits.mend(ids, known)
    assert found.mended == {}
    assert found.unmended == tuple(i for i in ids if i not in known)
    assert found.ids == tuple(i for i in ids if i in known)


def test_nothing_known():
    assert imagenet_splits.mend(["n1"], []) == ((), {}, ("n1",))


def test_what_the_scan_lacks_is_counted():
    ids = some(98)
    scanned = {"train": ids[:79], "test": [*ids[79:], "n0"]}
    fields = imagenet_splits.vinyals(scanned, KNOWN)
    assert fields["missing"] == {"train": 1, "test": 0}
    assert fields["unmended"] == ["n0"] and fields["scanned"] == scanned


@pytest.mark.parametrize(
    "dataset, name, counts",
    [
        ("mini_imagenet", "ravi", (64, 16, 20)),
        ("tiny_imagenet", "tiny", (128, 32, 40)),
        ("tiny_imagenet", "dogs", (162, 32, 6)),
        ("imagenet", "rand", (800, 82, 118)),
        ("imagenet", "dogs", (800, 82, 118)),
    ],
)
def test_stored_splits_are_disjoint_and_sorted(dataset, name, counts):
    split = splits.stored(name, dataset)
    parts = (split.train, split.validation, split.test)
    assert tuple(map(len, parts)) == counts
    together = [c for part in parts for c in part]
    assert len(set(together)) == sum(counts)
    assert all(image_files.WNID.fullmatch(c) for c in together)
    assert stored_fields(f"{dataset}_{name}")["sha256"] == split.sha256()


@pytest.mark.parametrize(
    "dataset, name, archive",
    [
        ("mini_imagenet", "ravi", "mini_imagenet_splits.zip"),
        ("tiny_imagenet", "tiny", "tiny_imagenet_fs.zip"),
    ],
)
def test_stored_splits_are_those_of_the_csv_files(real_data, dataset, name, archive):
    if not (real_data / archive).is_file():
        pytest.skip(f"needs {archive}")
    tables = image_files.read_csvs(real_data / archive)
    assert imagenet_splits.from_tables(name, tables) == splits.stored(name, dataset)


def test_the_scanned_split_says_what_was_mended():
    fields = stored_fields("mini_imagenet_vinyals")
    assert fields["mended"] == MENDED and fields["unmended"] == []
    assert fields["missing"] == {"train": 2, "test": 0}
    listed = [MENDED.get(c, c) for c in fields["scanned"]["train"]]
    assert listed == sorted(listed) and fields["test"] == fields["scanned"]["test"]
    assert fields["train"] == listed[:-16] and fields["validation"] == listed[-16:]


@pytest.fixture
def synsets(real_data):
    """{wnid: whether it is a dog} of all 1,000."""
    path = real_data / "ilsvrc2012_synsets.csv"
    if not path.is_file():
        pytest.skip(f"needs {path.name}")
    with path.open(encoding="utf-8") as file:
        return {row["wnid"]: row["is_dog"] == "1" for row in csv.DictReader(file)}


def dogs_of(wnids):
    return [wnid for wnid, is_dog in wnids.items() if is_dog]


def test_the_splits_of_all_classes_follow_from_the_scan_and_the_synsets(synsets):
    fields = stored_fields("imagenet_rand")
    assert imagenet_splits.rand(fields["scanned"]["test"], list(synsets)) == fields
    held_out = imagenet_splits.held_out("dogs", list(synsets), dogs_of(synsets), 82)
    assert held_out == stored_fields("imagenet_dogs")


def test_the_dogs_of_tiny_imagenet(synsets):
    tiny = splits.stored("tiny", "tiny_imagenet")
    names = [*tiny.train, *tiny.validation, *tiny.test]
    dogs = set(dogs_of(synsets)) & set(names)
    fields = imagenet_splits.held_out("dogs", names, dogs, imagenet_splits.TINY_VALIDATION)
    assert fields == stored_fields("tiny_imagenet_dogs")


def test_the_dogs_are_the_same_everywhere():
    """All ids of the two splits are the same 1,000; Tiny ImageNet's dogs are among the 118."""
    whole = [splits.stored(name, "imagenet") for name in ("rand", "dogs")]
    names = [sorted((*s.train, *s.validation, *s.test)) for s in whole]
    assert names[0] == names[1] and len(names[0]) == 1000
    dogs = whole[1].test
    assert (dogs[0], dogs[-1]) == ("n02085620", "n02113978")
    tiny = splits.stored("dogs", "tiny_imagenet")
    assert set(tiny.test) <= set(dogs) and not set(tiny.train + tiny.validation) & set(dogs)


def test_what_stands_in_for_unread_ids_of_rand_is_said():
    fields = stored_fields("imagenet_rand")
    assert fields["unmended"] == ["n02097319", "n0210388"] and fields["missing"] == {"test": 5}
    assert len(fields["mended"]) == 5 and len(fields["drawn"]) == 7
    listed = {fields["mended"].get(c, c) for c in fields["scanned"]["test"]}
    listed -= set(fields["unmended"])
    assert len(listed) == 111 and not listed & set(fields["drawn"])
    assert sorted(listed | set(fields["drawn"])) == fields["test"]


def test_the_scanned_split_follows_from_the_scan(synsets):
    known = list(synsets)
    fields = stored_fields("mini_imagenet_vinyals")
    assert imagenet_splits.vinyals(fields["scanned"], known) == fields


def test_the_scanned_split_is_not_whole():
    message = "vinyals of mini_imagenet is not known whole: 2 classes of the train list are missing"
    with pytest.raises(UserError, match=message):
        splits.stored("vinyals", "mini_imagenet")


def test_a_slip_that_could_not_be_mended_is_named(tmp_path, monkeypatch):
    fields = {
        **stored_fields("mini_imagenet_vinyals"),
        "unmended": ["n0123"],
        "missing": {"train": 0},
    }
    (tmp_path / "split_files").mkdir()
    (tmp_path / "split_files" / "mini_imagenet_vinyals.json").write_text(dump(fields))
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    with pytest.raises(
        UserError, match="whole: n0123 is no class that can be told; use --split=ravi"
    ):
        splits.stored("vinyals", "mini_imagenet")
    fields["unmended"] = []
    (tmp_path / "split_files" / "mini_imagenet_vinyals.json").write_text(dump(fields))
    assert len(splits.stored("vinyals", "mini_imagenet").validation) == 16
