"""The `RunConfig` of a command line, and of the flag files in `configs/`."""

import pathlib

from oneshot_tf import data, models
from oneshot_tf.commands import flags
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import papers
from oneshot_tf.files import read_json
from oneshot_tf.options import did_you_mean
from oneshot_tf.run_config import (
    DataOptions,
    PaperOptions,
    RunConfig,
    TrainOptions,
    check_training,
)


def find_folder(package):
    """The folder of the flag files: inside an installed package, beside it in a checkout."""
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


CONFIGS = find_folder(pathlib.Path(__file__).resolve().parents[1])


def parse(argv, own=()):
    """Reads a command line that describes a run; see `flags.parse`.

    Args:
      argv: the words, the command's name first.
      own: {name: (type, help)} of the command's own flags.
    """
    groups = [TrainOptions, DataOptions, PaperOptions]
    argv = with_files(joined(argv))
    return flags.parse(argv, dict(own), groups, model_options, model_defaults, data.every)


def joined(argv):
    """A command line in which `--flagfile FILE` is one word, as `--flagfile=FILE` is."""
    words = []
    for word in argv:
        if words and words[-1] in ("--flagfile", "-flagfile"):
            words[-1] = f"{words[-1]}={word}"
        else:
            words.append(word)
    return words


def with_files(argv, inside=()):
    """A command line with the content of its `--flagfile=FILE` in their places.

    A file that is not where the word says is looked for in `configs/`, so that
    `--flagfile=configs/NAME.flags` is the same from every folder and of an installed package.

    Args:
      argv: words.
      inside: the files that these words are in.
    """
    words = []
    for word in argv:
        name, _, value = word.partition("=")
        path = find_file(value) if name in ("--flagfile", "-flagfile") else None
        if path is None:
            words.append(word)
            continue
        if path in inside:
            raise UserError(f"{path} names itself by --flagfile; take that line out")
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError):
            raise UserError(f"{path} cannot be read as text; name another --flagfile") from None
        said = [line for line in lines if line and not line.startswith(("#", "//"))]
        words += with_files(said, (*inside, path))
    return words


def find_file(value):
    """The path of a flag file, or None."""
    path = pathlib.Path(value).expanduser()
    if path.is_file():
        return path
    kept = CONFIGS / path.name
    return kept if str(path.parent) in (".", "configs") and kept.is_file() else None


def names():
    """The configs that there are."""
    return sorted(path.stem for path in CONFIGS.glob("*.flags"))


def tables():
    """{table: configs}: the runs that `reproduce` makes together."""
    return read_json(CONFIGS / "tables.json")


def named(name):
    """The `RunConfig` of `configs/NAME.flags`.

    Raises:
      UserError: there is none.
    """
    check_name("config", name, names())
    argv = ["", f"--flagfile={CONFIGS / name}.flags"]
    return make_config(parse(argv), name)


def check_name(what, name, known):
    """Refuses a name that is none, and says which is near."""
    if name not in known:
        raise UserError(f"There is no {what} {name}{did_you_mean(name, known)}")


def model_options():
    """{model name: its options class}."""
    return {name: models.find(name).Options for name in models.MODELS}


def model_defaults(name):
    """The general flags' defaults that are a model's own."""
    return models.find(name).defaults


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
    # before any data is loaded
    model.check_reads(parsed.get("model"), source.vocabulary)
    train = parsed.options(TrainOptions, defaults)
    check_training(train, model, parsed.get("model"))
    paper = parsed.options(PaperOptions)
    if paper.paper_row is not None:
        check_name("row of a paper", paper.paper_row, papers.PROTOCOLS)
    if paper.paper_config is not None:
        check_name("config", paper.paper_config, names())
    return RunConfig(
        name=name or f"{parsed.get('model')}_{chosen.dataset}",
        model=parsed.get("model"),
        data=chosen,
        train=train,
        options=options,
        paper_row=paper.paper_row,
        paper_config=paper.paper_config,
    )


def config_name(argv):
    """The name of the last flag file of a command line, or None."""
    words = [word.lstrip("-") for word in joined(argv)]
    files = [word.partition("=")[2] for word in words if word.startswith("flagfile=")]
    return pathlib.Path(files[-1]).stem if files else None


def paper_config(config):
    """The `RunConfig` of the flag file with the paper's text that a run names, or None."""
    return named(config.paper_config) if config.paper_config in names() else None
