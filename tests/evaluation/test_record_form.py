"""What is no record is refused, and the first thing that is wrong is named."""

import copy
import json
import pathlib

import pytest

from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import record_form

RESULTS = pathlib.Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_stored_record_has_the_form(path):
    record_form.check(json.loads(path.read_text()), path)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("seed", -1, "seed must be a whole number. Received: -1"),
        ("split", None, "split must be an object. Received: None"),
        ("split.name", [], "split.name must be a name"),
        ("protocol", [], "protocol must be an object"),
        ("protocol.kind", "sequences", "protocol.kind must be sequence or few_shot"),
        ("accuracy", {"5w1s": {"mean": 9.0}}, "accuracy must be mean and ci95 by presentation"),
        ("accuracy", {"five": {"mean": 9.0, "ci95": 1.0}}, "accuracy must be"),
        ("accuracy", {"1": {"mean": float("nan"), "ci95": 1.0}}, "accuracy must be"),
        ("train.episodes", "many", "train.episodes must be a whole number. Received: 'many'"),
        ("right", {"1": "3 four"}, "right must be whole numbers"),
        ("commit", 5, "commit must be a commit, or null"),
    ],
)
def test_what_is_wrong_is_named(name, value, said):
    record = copy.deepcopy(json.loads((RESULTS / "flmn_omniglot_1-seed0.json").read_text()))
    part, _, field = name.partition(".")
    (record[part] if field else record)[field or part] = value
    with pytest.raises(UserError, match=f"a.json is no record: {said}"):
        record_form.check(record, "a.json")


def test_what_is_missing_is_named():
    record = json.loads((RESULTS / "flmn_omniglot_1-seed0.json").read_text())
    with pytest.raises(UserError, match="a.json is no record: it lacks accuracy; delete or move"):
        record_form.check({k: v for k, v in record.items() if k != "accuracy"}, "a.json")
    with pytest.raises(UserError, match="must be an object"):
        record_form.check([record], "a.json")


@pytest.mark.parametrize("shown", [None, {}, {"1": "5 5"}])
def test_right_answers_are_of_the_episodes_that_were_shown(shown):
    record = json.loads((RESULTS / "flmn_omniglot_1-seed0.json").read_text())
    changed = {k: v for k, v in record.items() if k != "shown"}
    if shown is not None:
        changed["shown"] = {**record["shown"], **shown} if shown else {}
    with pytest.raises(UserError, match="shown must be of the episodes of right"):
        record_form.check(changed, "a.json")
