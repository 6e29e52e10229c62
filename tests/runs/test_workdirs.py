"""Whether a folder is of the run that is asked for."""

import dataclasses
import json
import types

from oneshot_tf.evaluation import records
from oneshot_tf.runs import workdirs
from tests.runs.test_experiment import config_of


def test_a_run_from_before_an_option_was_added_is_the_same_run():
    now = {**config_of().to_json(), "split": {}, "pictures_sha256": ""}
    before = json.loads(json.dumps(now))
    for name in ("flip", "random_crop", "colour_jitter"):
        del before["data"][name]
    assert workdirs.differences(before, now) == []
    now["data"]["random_crop"] = 4
    assert workdirs.differences(before, now) == ["--random_crop (then 0, now 4)"]


def test_a_run_from_before_an_option_was_renamed_is_the_same_run():
    now = {**config_of().to_json(), "split": {}, "pictures_sha256": ""}
    before = json.loads(json.dumps(now))
    before["options"]["encoder_blocks"] = before["options"].pop("blocks")
    assert workdirs.differences(before, now) == []
    before["options"]["encoder_blocks"] = 5
    blocks = now["options"]["blocks"]
    assert workdirs.differences(before, now) == [f"--blocks (then 5, now {blocks})"]


def test_a_fingerprint_is_of_all_that_workers_must_share(make_dataset):
    config, data = config_of(), make_dataset([4, 4])
    split = types.SimpleNamespace(describe=lambda: {"name": "random"})

    def found(data=data, split=split, **changed):
        train = dataclasses.replace(config.train, **changed)
        now = dataclasses.replace(config, train=train)
        return workdirs.fingerprint(workdirs.description(now, data, split))

    assert 0 <= found() < 2**63
    assert found(keep=9) == found()
    assert len({found(), found(seed=1), found(save_every=4), found(episodes=9)}) == 4
    assert found(data=make_dataset([4, 4], seed=1)) != found()
    other = types.SimpleNamespace(describe=lambda: {"name": "other"})
    assert found(split=other) != found()


def test_a_run_that_grew_says_so(tmp_path, make_dataset):
    data = make_dataset([4, 4])
    split = types.SimpleNamespace(describe=lambda: {"name": "r", "classes": [], "sha256": ""})
    for episodes, budgets in [(20, None), (20, None), (50, [20, 50])]:
        found = workdirs.description(config_of(f"--episodes={episodes}"), data, split)
        workdirs.prepare(tmp_path, found)
        origin = records.origin(json.loads((tmp_path / "config.json").read_text()))
        assert origin.get("budgets") == budgets


def test_a_run_notes_its_memory_at_each_end(tmp_path, make_dataset):
    config, data = config_of(), make_dataset([4, 4])
    split = types.SimpleNamespace(describe=lambda: {"name": "r", "classes": [], "sha256": ""})
    for _ in range(2):
        workdirs.prepare(tmp_path, workdirs.description(config, data, split))
        assert (
            "peak_memory_gib"
            not in json.loads((tmp_path / "config.json").read_text())["starts"][-1]
        )
        workdirs.finish(tmp_path)
    starts = json.loads((tmp_path / "config.json").read_text())["starts"]
    assert [start["peak_memory_gib"] > 0.1 for start in starts] == [True, True]


def test_what_may_change_when_a_run_goes_on():
    def described(*words):
        fields = config_of("--episodes=40", *words).to_json()
        return {**fields, "split": {}, "pictures_sha256": ""}

    def differing(*words):
        return workdirs.differences(described(), described(*words))

    for word in ("--keep=9", "--eval_every=7", "--save_every=5", "--steps_per_call=3"):
        assert differing(word) == []
    assert differing("--data_dir=elsewhere", "--episodes=50") == []
    assert differing("--episodes=30") == ["--episodes (then 40, now 30)"]
    assert differing("--seed=1") == ["--seed (then 0, now 1)"]
    assert differing("--learning_rate=0.5")[0].startswith("--learning_rate (then ")


def test_the_usual_checkpoint_is_the_best_where_validation_chose_one(tmp_path):
    assert workdirs.usual_checkpoint(tmp_path, config_of()) == "last"
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "checkpoint").touch()
    assert workdirs.usual_checkpoint(tmp_path, config_of()) == "best"
    trained_on = config_of("--train_on_validation")  # it chose by what it was trained on
    assert workdirs.usual_checkpoint(tmp_path, trained_on) == "last"
