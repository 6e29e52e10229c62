"""Whose record may be replaced: that of the same test of the same run, and no other."""

import copy
import dataclasses
import json
import pathlib

import pytest

from oneshot_tf.commands import retest
from oneshot_tf.errors import UserError
from oneshot_tf.files import dump
from oneshot_tf.runs import testing

RESULTS = pathlib.Path(__file__).parents[2] / "results"
NAMES = (  # of several models and data sets; some lack options that came later
    "flmn_omniglot_1_paper_long-seed0",
    "flmn_omniglot_1-seed0",
    "matching_ptb-seed0-5w1s_5w2s_5w3s",
    "gaussian_memory_lfw-seed0-none_mirrored-5w1s_20w1s_80w1s",
    "classifier_tiny_imagenet-seed0",
    "maml_omniglot-seed0-bn_batch-5w1s_5w5s_20w1s_20w5s",
)


def kept(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


def present(record):
    """The record that a test of the same run has today, with all options that there are."""
    config, _ = retest.stored_config(record)
    parts = {"data": config.data, "train": config.train, "model": config.options}
    options = {part: dataclasses.asdict(values) for part, values in parts.items()}
    return {**record, "options": options}


def changed(record, part, **values):
    found = copy.deepcopy(record)
    found["options"][part] |= values
    return found


@pytest.mark.parametrize("name", NAMES)
def test_options_that_came_later_make_no_other_run(name):
    record = kept(name)
    now = present(record)
    testing.check_place(RESULTS / f"{name}.json", now)
    # what changes no weight, and a run that has gone on since
    more = record["options"]["train"]["episodes"] + 1
    gone_on = changed(now, "train", keep=9, save_every=7, episodes=more)
    testing.check_place(RESULTS / f"{name}.json", gone_on)


@pytest.fixture
def place(tmp_path):
    """Writes the record that is there already."""

    def write(record):
        (tmp_path / "a.json").write_text(dump(record))
        return tmp_path / "a.json"

    return write


def test_the_record_of_another_run_is_not_overwritten(place):
    record = present(kept("matching_omniglot-seed0"))
    filters = record["options"]["model"]["filters"]
    message = (
        f"expected one with --filters={filters}. Received: --filters=3; name another --results"
    )
    with pytest.raises(UserError, match=f"the record of another run: {message}"):
        testing.check_place(place(record), changed(record, "model", filters=3))
    before = changed(record, "train", learning_rate=0.5, seed=0)
    with pytest.raises(UserError, match=r"expected one with --learning_rate=0\.5\. Received"):
        testing.check_place(place(before), record)
    with pytest.raises(UserError, match="expected one with --model=siamese. Received: --model=mat"):
        testing.check_place(place({**record, "model": "siamese"}), record)


def test_an_option_that_a_record_lacks_has_its_earlier_value(place):
    record = present(kept("flmn_omniglot_1_paper_long-seed0"))
    before = copy.deepcopy(record)
    del before["options"]["model"]["key"]
    testing.check_place(place(before), record)  # the run of then, whose key was its own
    with pytest.raises(UserError, match="expected one with --key=own. Received: --key=feature"):
        testing.check_place(place(before), changed(record, "model", key="feature"))


def test_a_record_without_options_says_nothing_of_them(place):
    record = present(kept("matching_omniglot-seed0"))
    testing.check_place(place({**record, "options": {}}), record)


def test_what_is_no_record_is_not_overwritten(place):
    record = present(kept("matching_omniglot-seed0"))
    for stray in ([], {"loss": 1.0}, {**record, "options": {"model": 3}}):
        with pytest.raises(UserError, match="is no record"):
            testing.check_place(place(stray), record)
