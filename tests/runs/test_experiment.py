"""Configs, and what a run is put together from."""

import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf import files, models
from oneshot_tf.commands import configs
from oneshot_tf.data import splits
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions
from oneshot_tf.runs import encoder_weights, experiment, kinds, testing, workdirs
from oneshot_tf.sampling import source as sources
from oneshot_tf.test_options import TestOptions
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


PIXELS = ("--model=pixels", "--image_size=8", "--way=2", "--shot=1", "--queries=1")


@pytest.mark.parametrize("more", [(), ("--train_on_validation",)], ids=["", "all"])
def test_training_draws_of_the_training_classes_alone(distinct_dataset, more):
    split = splits.shuffled(distinct_dataset.class_names, 0)
    _, sample = experiment.make_training(
        config_of(*PIXELS, *more), distinct_dataset, split, tf.distribute.get_strategy()
    )
    expected = split.train + (split.validation if more else ())
    assert sample.source.dataset.class_names == expected


@pytest.mark.parametrize("more", [(), ("--train_on_validation",)], ids=["", "all"])
def test_validation_draws_of_the_classes_named_and_there_is_none_where_they_train(
    make_learner, distinct_dataset, monkeypatch, tmp_path, more
):
    config, drawn_of = config_of(*PIXELS, "--max_rotation=0", "--max_shift=0", *more), []
    make = experiment.held_out_source

    def held_out_source(config, dataset):
        drawn_of.append(dataset.class_names)
        return make(config, dataset)

    monkeypatch.setattr(experiment, "held_out_source", held_out_source)
    names, learner = ("class7", "class2", "class5"), make_learner("pixels")
    hooks = experiment.make_hooks(learner, config, distinct_dataset, names, None, tmp_path)
    assert drawn_of == [names]
    assert (hooks.validate is None) == bool(more)


def test_a_run_validates_and_is_tested_on_the_classes_of_its_split(
    picture_folder, monkeypatch, tmp_path
):
    """And weights that an encoder starts from are asked of the test classes, in training and in a test."""
    names = [f"class{k}" for k in range(10)]
    folder, seen = picture_folder(dict.fromkeys(names, 2)), {}
    make_hooks, check = experiment.make_hooks, encoder_weights.check

    def hooks(learner, config, dataset, names, *rest):
        seen["validation"] = names
        return make_hooks(learner, config, dataset, names, *rest)

    def checked(options, test, *rest):
        seen["test"] = test
        check(options, test, *rest)

    monkeypatch.setattr(experiment, "make_hooks", hooks)
    monkeypatch.setattr(encoder_weights, "check", checked)
    words = ("--dataset=folder", f"--data_dir={folder}", "--validation_episodes=2")
    experiment.train(config_of(*PIXELS, *words), tmp_path / "run", quiet=True)
    split = splits.shuffled(names, 0)
    assert seen == {"validation": split.validation, "test": split.test}
    for part in ("test", "validation"):
        seen.clear()
        _, _, _, source, _ = testing.prepare(tmp_path / "run", TestOptions(part=part))
        assert source.dataset.class_names == seen["test"] == getattr(split, part)


def test_pictures_of_a_test_are_as_they_are_but_for_what_is_asked(picture_folder):
    names = ("b", "a")
    folder = picture_folder({"a": 2, "b": 3, "c": 2})
    words = ["--model=matching", "--dataset=folder", f"--data_dir={folder}", "--image_size=8"]
    words += ["--augment_size=10", "--rotations", "--max_rotation=9", "--max_slant=5", "--bold=0.5"]
    words += ["--flip", "--random_crop=2", "--colour_jitter=0.1"]
    for more, turns, size, numbers in (
        ([], 1, 8, 0),
        (["--test_rotations"], 4, 8, 0),
        (["--augment_test"], 1, 10, 6),
    ):
        config = config_of(*words, *more)
        dataset = experiment.load_pictures(config.data, vary=True).select(names)
        source = experiment.held_out_source(config, dataset)
        assert source.population.turns == turns and source.images.shape[1] == size
        assert source.dataset.class_names == names
        assert sources.noise_width(source) == numbers  # nothing is cut, mirrored or coloured


@pytest.mark.parametrize("words", [["--model=matching"], ["--model=classifier"], []])
def test_training_episodes_are_of_the_runs_seed(make_dataset, make_source, words):
    population = make_source(make_dataset([8, 9, 8, 8]))

    def drawn(seed):
        config = config_of("--way=3", "--shot=2", f"--seed={seed}", *words)
        learner = types.SimpleNamespace(episode=models.find(config.model).episode, num_labels=3)
        return kinds.of(learner).training(learner, config, population, 2)(tf.constant(0, tf.int64))

    assert_equal_episodes(drawn(5), drawn(5))
    assert not np.array_equal(drawn(5)[0], drawn(6)[0])


def test_the_first_presentation_chooses_no_checkpoint(monkeypatch):
    """It is a guess. Of a single presentation there is nothing else."""
    found = {"1": {"mean": 20.0}, "2": {"mean": 80.0}, "3": {"mean": 90.0}}
    monkeypatch.setattr(kinds.protocols, "sequence", lambda *_: found)
    validate = kinds.KINDS["sequence"].validate
    expected = 85.0, {"accuracy": 85.0}, [20.0, 80.0, 90.0]
    assert validate(None, config_of(), None, 20, None) == expected
    del found["2"], found["3"]
    assert validate(None, config_of(), None, 20, None) == (20.0, {"accuracy": 20.0}, None)


def test_the_less_a_text_surprises_the_better(monkeypatch):
    monkeypatch.setattr(kinds.protocols, "few_shot", lambda *_: {"mean": 40.0})
    held_out = types.SimpleNamespace(text=lambda part: [part])

    def validate(surprise):
        monkeypatch.setattr(
            kinds.perplexity, "measure", lambda _, text: {"validation": surprise}[text[0]]
        )
        return kinds.KINDS["text"].validate(None, config_of(), None, 20, held_out)

    assert validate(80.0)[0] > validate(90.0)[0]
    assert validate(80.0)[1:] == ({"accuracy": 40.0, "perplexity": 80.0}, None)
