"""Stored records read backwards into the words that test a run again."""

import pathlib

import pytest

from oneshot_tf.commands import configs, flags, retest
from oneshot_tf.evaluation import tables
from oneshot_tf.runs import held_out, plans
from oneshot_tf.test_options import TestOptions

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = {path.stem: tables.read_json(path) for path in sorted((ROOT / "results").glob("*.json"))}


def asked(record):
    parsed = flags.parse(["eval.py", *retest.eval_words(record)], {}, [TestOptions])
    return parsed.options(TestOptions)


@pytest.mark.parametrize("name", KEPT)
def test_every_kept_record_can_be_tested_again(name):
    record = KEPT[name]
    protocol, test = record["protocol"], asked(record)
    assert (test.protocol, test.part) == (protocol["kind"], protocol["part"])
    assert (test.eval_episodes, test.eval_seed) == (protocol["episodes"], protocol["seed"])
    assert test.checkpoint == record["train"]["checkpoint"]
    # the same pictures, turned or not, as the run's own options and these words say together
    config, _ = retest.stored_config(record)
    options = held_out.data_options(config, test)
    assert options.dataset == record["dataset"]
    assert options.test_rotations == protocol["test_rotations"]
    assert (options.augment_test and options.max_rotation > 0) == protocol["augment_test"]
    mirrored = getattr(options, "mirrored_copies", "none")
    assert mirrored == protocol.get("mirrored_copies", "none")
    if protocol["kind"] == "few_shot":
        assert test.eval_queries == protocol["queries"]
        settings = [(w, s) for w in test.way or () for s in test.shot or ()]
        usual = plans.SENTENCES if record["dataset"] == "ptb" else plans.SETTINGS
        assert [plans.key_of(*s) for s in settings or usual] == list(record["accuracy"])


def test_options_that_were_renamed_since_are_read():
    record = KEPT["flmn_omniglot_1_paper-seed0"]
    config, gone = retest.stored_config(
        {**record, "options": {**record["options"], "model": {"encoder_blocks": 5}}}
    )
    assert config.options.blocks == 5 and "encoder_blocks" not in gone


def test_what_is_unusual_is_said():
    record = KEPT["matching_omniglot-seed0"]
    protocol = record["protocol"] | {
        "bn": "support",
        "orders": 4,
        "finetune": {"steps": 3, "rate": 0.01, "match": "own"},
        "test_rotations": False,
        "part": "validation",
        "views": 4,
        "within_group": True,
    }
    test = asked({**record, "protocol": protocol})
    assert (test.bn, test.orders, test.test_rotations, test.part) == (
        "support",
        4,
        False,
        "validation",
    )
    assert (test.views, test.within_group) == (4, True)
    assert (test.finetune_steps, test.finetune_rate, test.finetune_match) == (3, 0.01, "own")
    other = {**record, "split": {**record["split"], "name": "background"}}
    assert asked(other).split == "background" and asked(record).split is None
    data = {
        **record["options"]["data"],
        "split": None,
    }  # the config says none: the default is meant
    said = {**record, "options": {**record["options"], "data": data}}
    assert asked(said).split is None
    assert asked({**said, "split": other["split"]}).split == "background"
    drawn = {**record["split"], "name": "random-3"}
    assert asked({**said, "split": drawn}).split == "random"


def test_a_users_own_split_is_named_by_its_file():
    record = KEPT["matching_omniglot-seed0"]
    own = {**record["options"], "data": {**record["options"]["data"], "split": "own-1.json"}}
    split = {**record["split"], "name": "own-1", "file": "own-1.json"}
    assert asked({**record, "options": own, "split": split}).split is None
    assert asked({**record, "split": split}).split == "own-1.json"
    assert asked({**record, "options": own}).split == "vinyals"
    elsewhere = {**record, "options": own, "dataset": "mnist"}
    assert asked({**elsewhere, "split": {**split, "name": "all", "file": None}}).split is None
    assert asked({**elsewhere, "split": split}).split == "own-1.json"


def test_all_classes_of_the_runs_own_data_set_are_asked_for():
    record = KEPT["matching_omniglot-seed0"]
    everything = {**record["split"], "name": "all"}
    assert asked({**record, "split": everything}).split == "all"
    assert asked({**record, "dataset": "mnist", "split": everything}).split is None


def test_settings_that_have_changed_since_are_named():
    name, record = "matching_fce_omniglot", KEPT["matching_fce_omniglot-seed0"]
    config = configs.named(name)
    assert retest.setting_changes(config, record) == []
    options = record["options"]
    then = {
        **options,
        "train": {
            **options["train"],
            "learning_rate": 0.5,
            "seed": 7,
            "train_on_validation": False,
        },
        "model": {**options["model"], "an_option_that_is_gone": 1},
    }
    assert retest.setting_changes(config, {**record, "options": then}) == [
        "--learning_rate (stored 0.5, now 0.001)",
        "--train_on_validation (stored False, now True)",
        "--an_option_that_is_gone (stored 1, no more)",
    ]


def test_an_option_that_a_record_lacks_means_what_runs_did_then():
    record = KEPT["flmn_omniglot_1_paper_long-seed0"]
    assert "key" not in record["options"]["model"]
    assert retest.setting_changes(configs.named("flmn_omniglot_1_paper_long"), record) == []
    assert any(
        "--key (stored own" in c
        for c in retest.setting_changes(configs.named("flmn_omniglot_1"), record)
    )
