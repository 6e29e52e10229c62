import itertools
import json
import zipfile

import numpy as np
import pytest

from oneshot_tf import data
from oneshot_tf.data import ptb, splits
from oneshot_tf.data.sentences import PADDING
from oneshot_tf.errors import UserError
from oneshot_tf.models import lstm_lm

WORDS = 60
TEXTS = {
    "train": [f"w{i} w{(i + 1) % WORDS} <unk> N w{i}" for i in range(WORDS)],
    "validation": [f"w{i} of w{(7 * i) % WORDS}" for i in range(WORDS)],
    "test": [f"of w{i}" for i in range(WORDS)],
}
TEXTS["train"][0] += " of"


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with three small texts, and what `load` says of them with a random split."""
    with zipfile.ZipFile(tmp_path / "ptb.zip", "w") as archive:
        for part, lines in TEXTS.items():
            archive.writestr(ptb.FILES[part], "\n".join([*lines, ""]))
    monkeypatch.setattr(ptb, "VOCABULARY", WORDS + 5)
    return tmp_path


def options(folder, **changed):
    return ptb.PTBOptions(data_dir=str(folder), **{"split": "random"} | changed)


def test_words_have_sentences_of_their_own_part_alone(small):
    chosen = options(small)
    dataset = data.load(chosen)
    split = splits.load(dataset, chosen)
    assert set(dataset.class_names) == {f"w{i}" for i in range(WORDS)} | {"of"}
    everything = list(itertools.chain(*TEXTS.values()))
    start = {"train": 0, "validation": WORDS, "test": 2 * WORDS}
    for part in TEXTS:
        inside = range(start[part], start[part] + WORDS)
        for name in getattr(split, part):
            one = dataset.select([name])
            expected = [row for row in inside if name in everything[row].split()]
            assert one.rows.tolist() == expected


def test_tokens_are_the_words(small):
    dataset = data.load(options(small))
    for row, line in enumerate(itertools.chain(*TEXTS.values())):
        found = [dataset.vocabulary[t] for t in dataset.tokens[row] if t != PADDING]
        assert found == line.split()


def test_running_text_is_the_file(small):
    dataset = data.load(options(small))
    for part, lines in TEXTS.items():
        found = " ".join(dataset.vocabulary[t] or "\n" for t in dataset.text(part))
        assert [line.strip() for line in found.split("\n")] == [*lines, ""]


def test_words_of_the_treebank_are_as_many_as_others_count(real_data):
    """With the ends of sentences: Mikolov's figures."""
    if not (real_data / "ptb.zip").is_file():
        pytest.skip("needs ptb.zip")
    dataset = data.load(options(real_data, split="vinyals"))
    found = [len(dataset.text(part)) for part in ptb.FILES]
    assert found == [lstm_lm.TRAINING_WORDS, 73_760, 82_430]


def test_most_sentences_of_a_word(small):
    sizes = data.load(options(small, max_sentences=2)).class_sizes
    whole = data.load(options(small)).class_sizes
    np.testing.assert_array_equal(sizes, np.minimum(whole, 2))


def test_files_read_as_the_archive_does(small, tmp_path):
    folder = tmp_path / "loose" / "ptb"
    folder.mkdir(parents=True)
    for part, lines in TEXTS.items():
        (folder / ptb.FILES[part]).write_text("\n".join(lines) + "\n")
    loose = data.load(options(folder.parent))
    assert loose.sha256() == data.load(options(small)).sha256()


def test_a_users_split_need_not_name_all_words(small, tmp_path):
    every = data.load(options(small)).class_names
    parts = {"train": every[:3], "test": every[3:6]}
    (tmp_path / "mine.json").write_text(json.dumps(parts))
    assert data.load(options(small, split=str(tmp_path / "mine.json"))).class_names == every[:6]


def test_errors(small, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="is not in .*--data_dir"):
        data.load(options(tmp_path / "nothing"))
    with pytest.raises(UserError, match="--split of ptb must be one of vinyals, random"):
        data.load(options(small, split="ravi"))
    monkeypatch.setattr(ptb, "VOCABULARY", 10_001)
    with pytest.raises(UserError, match="must have 9999 words"):
        data.load(options(small))
    with zipfile.ZipFile(small / "ptb.zip", "w") as archive:
        archive.writestr(ptb.FILES["train"], "a b")
    with pytest.raises(UserError, match="damaged"):
        data.load(options(small))


def test_the_stored_split_is_the_papers_list_as_far_as_it_can_be_read(real_data):
    if not (real_data / "ptb.zip").is_file():
        pytest.skip("needs ptb.zip")
    chosen = options(real_data, split="vinyals")
    dataset = data.load(chosen)
    split = splits.load(dataset, chosen)
    assert len(split.test) == 967
    assert {"burnham", "toronto-based", "'s", "zones"} <= set(split.test)
    assert not {"debenture", "debentures"} & set(split.test)
    assert ptb.derive_split(dataset.class_names, split.test) == split
    # how many test words have two, three and four sentences: usable for 1, 2 and 3 shots
    sizes = dataset.select(split.test).class_sizes
    assert [(sizes > shots).sum() for shots in (1, 2, 3)] == [392, 290, 238]
