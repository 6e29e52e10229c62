import dataclasses
import json

import pytest

from oneshot_tf import data, models
from oneshot_tf.errors import UserError
from oneshot_tf.options import Options, field_type, from_fields, option
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions, check_training
from oneshot_tf.test_options import TestOptions

CLASSES = [TrainOptions, TestOptions, DataOptions]
CLASSES += [source.Options for source in data.every().values() if source.Options != DataOptions]
CLASSES += [models.find(name).Options for name in models.MODELS]


@dataclasses.dataclass(frozen=True)
class Sample(Options):
    rate: float = option(0.5, "a rate", low=0.0, high=1.0)
    count: int = option(3, "a count", low=1)
    kind: str = option("a", "a kind", choices=("a", "b"))
    flag: bool = option(True, "a flag")
    maybe: int | None = option(None, "may be missing", low=2)


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("rate", "0.5", "--rate must be float. Received: '0.5'"),
        ("rate", 1.5, "--rate must be at most 1.0. Received: 1.5"),
        ("rate", -0.1, "--rate must be at least 0.0. Received: -0.1"),
        ("count", 2.0, "--count must be int. Received: 2.0"),
        ("count", True, "--count must be int. Received: True"),
        ("count", 0, "--count must be at least 1. Received: 0"),
        ("count", None, "--count must be int. Received: None"),
        ("kind", "c", "--kind must be one of a, b. Received: c"),
        ("flag", 1, "--flag must be bool. Received: 1"),
        ("maybe", 1, "--maybe must be at least 2. Received: 1"),
        ("maybe", "x", "--maybe must be int. Received: 'x'"),
    ],
)
def test_a_bad_value_is_named(field, value, message):
    with pytest.raises(UserError) as caught:
        Sample(**{field: value})
    assert str(caught.value) == message


def test_values_at_the_limits_pass():
    sample = Sample(rate=1.0, count=1, kind="b", flag=False, maybe=2)
    assert dataclasses.astuple(sample) == (1.0, 1, "b", False, 2)
    assert Sample(rate=0.0, maybe=None).maybe is None


def test_a_whole_number_is_a_rate_too():
    assert type(Sample(rate=1).rate) is float


def test_options_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sample().count = 4


def test_field_type_of_what_may_be_missing():
    assert field_type(Sample, "maybe") is int
    assert field_type(Sample, "rate") is float


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_option_has_a_help_and_a_valid_default_and_search(cls):
    options = cls()
    for field in dataclasses.fields(cls):
        rule = field.metadata
        assert rule["help"] and "\n" not in rule["help"], field.name
        search = rule["search"]
        values = search if isinstance(search, list) else list(search[:2]) if search else []
        for value in values:  # what is searched is allowed
            assert getattr(dataclasses.replace(options, **{field.name: value}), field.name) == value


def test_a_name_means_the_same_type_everywhere():
    kinds = {}
    for cls in CLASSES:
        for field in dataclasses.fields(cls):
            kind = field_type(cls, field.name)
            if kind is not tuple:  # several of what is one number elsewhere
                assert kinds.setdefault(field.name, kind) is kind, field.name


@pytest.mark.parametrize("name", models.MODELS)
def test_a_config_survives_json(name):
    cls = models.find(name).Options
    # another value than the default of every option that is a number
    numbers = [f for f in dataclasses.fields(cls) if type(f.default) is int]
    changed = {f.name: f.default + (-1 if f.default == f.metadata["high"] else 1) for f in numbers}
    config = RunConfig(
        name="test",
        model=name,
        data=DataOptions(dataset="glyphs", max_shift=3, split_seed=5),
        train=TrainOptions(seed=4, learning_rate=2e-3, deterministic=True),
        options=cls(**changed),
    )
    fields = json.loads(json.dumps(config.to_json()))
    assert RunConfig.from_json(fields, cls) == config


def test_an_older_config_gets_the_defaults_of_newer_options():
    fields = dataclasses.asdict(TrainOptions(seed=3))
    del fields["warmup"]
    assert from_fields(TrainOptions, fields) == TrainOptions(seed=3)


def test_an_unknown_field_is_named():
    with pytest.raises(UserError, match="TrainOptions has no option colour, size"):
        from_fields(TrainOptions, {"seed": 1, "size": 2, "colour": 3})


@pytest.mark.parametrize("name", models.MODELS)
def test_a_models_defaults_are_valid_options(name):
    defaults = models.find(name).defaults
    owned = set()
    for cls in (DataOptions, TrainOptions):
        fields = {f.name for f in dataclasses.fields(cls)} & set(defaults)
        cls(**{field: defaults[field] for field in fields})
        owned |= fields
    assert owned == set(defaults)


def test_an_older_config_means_what_runs_did_before_the_option():
    @dataclasses.dataclass(frozen=True)
    class Later(Options):
        key: str = option("feature", "a later option", earlier="own")
        rate: float = option(0.5, "a rate")

    assert from_fields(Later, {}) == Later(key="own", rate=0.5)
    assert from_fields(Later, {"key": "feature"}) == Later()


def test_a_renamed_option_is_known_by_its_old_name_too():
    @dataclasses.dataclass(frozen=True)
    class Later(Options):
        rows: int = option(1, "rows", formerly="slots")
        hidden_size: int = option(2, "units")

    assert from_fields(Later, {"slots": 3, "hidden_size": 4}) == Later(3, 4)
    assert from_fields(Later, {"rows": 3}) == Later(3)
    with pytest.raises(UserError, match="Later has no option units"):
        from_fields(Later, {"units": 3})


@pytest.mark.parametrize("cls", CLASSES)
def test_no_old_name_means_two_things(cls):
    names = [field.name for field in dataclasses.fields(cls)]
    formerly = [f.metadata["formerly"] for f in dataclasses.fields(cls) if f.metadata["formerly"]]
    assert len(set(names + formerly)) == len(names + formerly)


def test_one_word_a_thing():
    """What has one name in most models has no other in any."""
    used = {f.name for cls in CLASSES for f in dataclasses.fields(cls)}
    assert {"rows", "hidden_size", "blocks", "filters"} <= used
    assert not used & {"slots", "units", "hidden", "encoder_blocks", "encoder_channels"}


def test_weight_decay_needs_an_optimizer_that_decays():
    model = models.find("matching")
    for optimizer in ("adam", "rmsprop", "sgd"):
        train = TrainOptions(optimizer=optimizer, weight_decay=0.01)
        with pytest.raises(
            UserError, match=f"needs --optimizer=adamw.* Received: {optimizer}; say"
        ):
            check_training(train, model, "matching")
        check_training(TrainOptions(optimizer=optimizer), model, "matching")
    check_training(TrainOptions(optimizer="adamw", weight_decay=0.01), model, "matching")
