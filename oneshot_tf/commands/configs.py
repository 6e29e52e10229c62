"""The `RunConfig` of a command line, and of the flag files in `configs/`."""

import pathlib

from oneshot_tf import data, models
from oneshot_tf.commands import flags
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions, check_training

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"


def model_options():
    """{model name: its options class}."""
    return {name: models.find(name).Options for name in models.MODELS}


def model_defaults(name):
    """The general flags' defaults that are a model's own."""
    return models.find(name).defaults


def parse(argv, own=()):
    """The flags of a run, and a command's own: see `flags.parse`."""
    groups = [TrainOptions, DataOptions]
    return flags.parse(argv, dict(own), groups, model_options, model_defaults, data.every)


def make_config(parsed, name=None):
    """The `RunConfig` that a command line says.

    Flags count first, then the data set's defaults, the model's, and the general ones.
    """
    if parsed.get("model") is None:
        raise UserError(f"--model is missing; it must be one of {', '.join(models.MODELS)}")
    model = models.find(parsed.get("model"))
    options = parsed.options(model.Options)
    defaults = model.defaults_for(options)
    named = parsed.options(DataOptions, defaults).dataset
    source = data.find(named)
    chosen = parsed.options(source.Options, {**defaults, "dataset": named, **source.defaults})
    train = parsed.options(TrainOptions, defaults)
    check_training(train, model, parsed.get("model"))
    return RunConfig(
        name=name or f"{parsed.get('model')}_{chosen.dataset}",
        model=parsed.get("model"),
        data=chosen,
        train=train,
        options=options,
    )


def config_name(argv):
    """The name of the last flag file of a command line, or None."""
    words = [word.lstrip("-") for word in argv]
    files = [word.partition("=")[2] for word in words if word.startswith("flagfile=")]
    return pathlib.Path(files[-1]).stem if files else None


def paper_config(config):
    """The `RunConfig` of the flag file with the paper's text for this model, or None."""
    files = sorted(CONFIGS.glob(f"{config.model}_*_paper.flags"))
    name = config.name.replace("glyphs", "omniglot")  # they stand in for it
    stems = {f: f.stem.removesuffix("_paper") for f in files}
    fitting = [f for f, stem in stems.items() if name.startswith(stem)]
    # of a name without the number of its experiment, the first
    first = [f for f, stem in stems.items() if stem.rstrip("_12") == name]
    if not fitting and not first:
        return None
    chosen = fitting[-1] if fitting else first[0]
    words = ["export", f"--flagfile={chosen}"]
    return make_config(parse(words), chosen.stem)
