"""Configs, and what a run is put together from."""

import pathlib
import types

import pytest
import tensorflow as tf

from oneshot_tf import files, models
from oneshot_tf.commands import configs
from oneshot_tf.data import splits
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions
from oneshot_tf.runs import experiment, kinds, workdirs
from oneshot_tf.training import devices
from tests.sampling.helpers import assert_equal_episodes

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.flags")), ids=lambda p: p.stem)
def test_every_config_is_one(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    argv = ["train.py", f"--flagfile=configs/{path.name}"]
    config = configs.make_config(configs.parse(argv), configs.config_name(argv))
    assert config.name == path.stem
    assert path.stem.startswith(f"{config.model}_")


def test_pictures_are_not_enlarged_to_be_varied():
    options = DataOptions(dataset="glyphs", image_size=112, max_rotation=5.0)
    with pytest.raises(UserError, match="Received: 105 and 112; say --augment_size=112 or more"):
        experiment.load_pictures(options, vary=True)


def config_of(*words):
    """The config of a command line; FLMN's unless it says otherwise."""
    argv = ["train.py", "--model=flmn", *words]
    return configs.make_config(configs.parse(argv))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"image_size": 20, "channels": 1, "flip": False, "random_crop": 0}),
        (["--dataset=glyphs"], {"image_size": 20, "channels": 1, "flip": False}),
        (["--dataset=mini_imagenet"], {"image_size": 84, "channels": 3, "random_crop": 8}),
        (["--dataset=tiny_imagenet"], {"image_size": 64, "channels": 3, "random_crop": 4}),
        (["--dataset=tiny_imagenet"], {"flip": True, "rotations": False, "colour_jitter": 0.0}),
        (["--dataset=imagenet"], {"image_size": 224, "read": "files", "test_rotations": False}),
        (["--dataset=imagenet", "--read=memory"], {"read": "memory", "channels": 3}),
        (["--model=matching"], {"rotations": True, "test_rotations": True}),
        (["--model=matching", "--dataset=tiny_imagenet"], {"test_rotations": False}),
        (["--model=matching", "--dataset=folder"], {"rotations": True, "test_rotations": False}),
        (["--dataset=tiny_imagenet", "--image_size=32"], {"image_size": 32, "channels": 3}),
        (["--dataset=tiny_imagenet", "--noflip", "--random_crop=0"], {"flip": False}),
    ],
)
def test_flags_count_before_the_data_sets_defaults_and_those_before_the_models(words, expected):
    chosen = config_of(*words).data
    assert {name: getattr(chosen, name) for name in expected} == expected


def test_a_classifier_counts_its_classes(make_dataset):
    split = splits.shuffled(make_dataset([3] * 10).class_names, 0)
    train, validation = len(split.train), len(split.validation)
    for words, expected in (
        ([], 4 * train),
        (["--norotations"], train),
        (["--train_on_validation"], 4 * (train + validation)),
    ):
        config = config_of("--model=classifier", *words)
        assert experiment.with_classes(config, split).options.train_classes == expected
    with pytest.raises(UserError, match=f"--train_classes must be {4 * train}.*Received: 77"):
        experiment.with_classes(config_of("--model=classifier", "--train_classes=77"), split)
    other = config_of()
    assert experiment.with_classes(other, split) is other


@pytest.mark.parametrize(
    ("words", "fast", "slow"),
    [
        (["--model=matching"], "mixed_bfloat16", "float32"),
        (["--model=mmnet", "--dataset=tiny_imagenet"], "mixed_bfloat16", "float32"),
        (["--model=matching", "--encoder=inception", "--image_size=80"], "float32", "float32"),
        (["--model=matching", "--dataset=ptb"], "float32", "float32"),
        (["--model=pixels"], "float32", "float32"),
        (["--model=maml"], "float32", "float32"),
        (["--model=anil", "--downsampling=pools"], "mixed_bfloat16", "float32"),
        (["--model=reptile", "--downsampling=pools"], "mixed_bfloat16", "float32"),
        (["--model=meta_lstm", "--downsampling=pools"], "float32", "float32"),
        (["--model=flmn", "--encoder=conv"], "float32", "float32"),
        (["--model=matching", "--precision=float32"], "float32", "float32"),
        (["--model=flmn", "--precision=mixed_bfloat16"], "mixed_bfloat16", "mixed_bfloat16"),
    ],
)
def test_auto_is_half_where_the_model_and_the_processor_suit_it(monkeypatch, words, fast, slow):
    config = config_of(*words)
    for there, expected in ((True, fast), (False, slow)):
        monkeypatch.setattr(devices, "faster_in_half", lambda there=there: there)
        assert experiment.with_precision(config).train.precision == expected


def test_a_resumed_run_keeps_its_precision(tmp_path, monkeypatch, make_dataset):
    dataset, config = make_dataset([4] * 6), config_of("--model=matching", "--dataset=folder")
    split = splits.shuffled(dataset.class_names, 0)
    monkeypatch.setattr(devices, "faster_in_half", lambda: True)
    begun = experiment.with_precision(config, tmp_path)
    workdirs.prepare(tmp_path, workdirs.description(begun, dataset, split))
    monkeypatch.setattr(devices, "faster_in_half", lambda: False)
    assert experiment.with_precision(config).train.precision == "float32"
    resumed = experiment.with_precision(config, tmp_path)
    assert resumed.train.precision == "mixed_bfloat16"
    workdirs.prepare(tmp_path, workdirs.description(resumed, dataset, split))
    stored = files.read_json(tmp_path / "config.json")
    del stored["train"]["precision"]  # as runs were stored before there was the option
    files.write_text(tmp_path / "config.json", files.dump(stored))
    monkeypatch.setattr(devices, "faster_in_half", lambda: True)
    assert experiment.with_precision(config, tmp_path).train.precision == "float32"


@pytest.mark.parametrize(
    ("words", "classes", "expected"),
    [
        (["--model=matching"], 172, (60, 1)),
        (["--model=matching", "--way=5:20", "--shot=2:3"], 20, (20, 2)),
        (["--model=prototypical", "--way=20", "--shot=5"], 16, (16, 5)),
    ],
)
def test_validation_has_the_most_ways_and_the_fewest_shots(words, classes, expected):
    assert kinds.hardest(config_of(*words).train, classes) == expected


def test_sequences_have_one_length():
    with pytest.raises(UserError, match="--shot must be one number.*Received: 1:5"):
        config_of("--shot=1:5")


@pytest.mark.parametrize("model", ["matching", "classifier"])
def test_training_and_validation_draw_what_each_needs(
    make_learner, make_source, distinct_dataset, model
):
    config = config_of(f"--model={model}", "--way=2:3", "--shot=1:2", "--queries=2")
    learner = make_learner(model)
    kind, source = kinds.of(learner), make_source(distinct_dataset)
    trained = kind.training(learner, config, source, 2)(tf.constant(0))
    sample, batch = kind.validation(learner, config, source)
    validated = sample(tf.constant(0))
    if model == "classifier":
        assert trained.images.shape[0] == 2
    else:
        assert trained.support.shape[1] in (2, 3, 4, 6)
    assert validated.support.shape[:2] == (batch, 3) and validated.query.shape[1] == 6


@pytest.mark.parametrize("words", [["--model=matching", "--way=2:3"], ["--model=classifier"], []])
def test_shares_of_a_batch_are_its_rows(make_dataset, make_source, words):
    """Replicas draw together what one device draws, of every kind of episode."""
    config = config_of("--batch_size=4", "--way=3", "--shot=2", "--counts=random", *words)
    kind = models.find(config.model).episode
    learner = types.SimpleNamespace(episode=kind, num_labels=3)
    population = make_source(make_dataset([8, 9, 8, 8]))
    whole, share = (
        kinds.of(learner).training(learner, config, population, batch) for batch in (4, 2)
    )
    for start in (0, 8):
        expected = whole(tf.constant(start, tf.int64))
        for i in (0, 2):
            found = share(tf.constant(start + i, tf.int64))
            assert_equal_episodes(found, type(expected)(*(part[i : i + 2] for part in expected)))
