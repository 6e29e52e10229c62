"""Training, testing and using models from Python. Nothing is printed or written unless asked.

run = oneshot_tf.train("matching", "omniglot", episodes=2000)
record = oneshot_tf.evaluate(run, way=20, shot=1)
model = oneshot_tf.load(run)
answers = model.classify(support, labels, queries)
"""

import dataclasses
import os
import pathlib
import re
import tempfile

import numpy as np

from oneshot_tf import data, models
from oneshot_tf.commands import configs, flags
from oneshot_tf.errors import UserError
from oneshot_tf.options import did_you_mean
from oneshot_tf.run_config import RunConfig, TrainOptions
from oneshot_tf.runs import experiment, exporting, testing, workdirs
from oneshot_tf.serving.model import Model, of_export, of_learner
from oneshot_tf.test_options import TestOptions
from oneshot_tf.training.logging import read_metrics


class Run:
    """A trained run: a folder with checkpoints, and what it was trained with.

    Args:
      workdir: the run's folder, of `train` or of `train.py`.
      backbone: the Keras model that it was trained with as its encoder, if it was.

    Attributes:
      workdir: the folder; a temporary one is deleted with this object.
      config: `RunConfig`.
    """

    def __init__(self, workdir, backbone=None, _temporary=None):
        self.workdir = pathlib.Path(workdir)
        self.config: RunConfig = workdirs.read_config(self.workdir)
        self._given = {} if backbone is None else {"backbone": backbone}
        self._temporary = _temporary  # deletes the folder when nobody holds this object

    def __repr__(self):
        return f"<Run {self.config.name}, seed {self.config.train.seed}: {self.workdir}>"

    @property
    def metrics(self) -> list:
        """The numbers of training and validation, a dictionary each, in their order."""
        return read_metrics(self.workdir / "metrics.jsonl")


def train(
    model: str,
    dataset: "str | os.PathLike" = "omniglot",
    *,
    workdir: "str | os.PathLike | None" = None,
    backbone=None,
    name: "str | None" = None,
    verbose: bool = False,
    **options,
) -> Run:
    """Trains a model, or goes on training it where `workdir` has a run of these options.

    Args:
      model: a name in `oneshot_tf.models.MODELS`.
      dataset: a name in `oneshot_tf.data.DATASETS`, or a folder of pictures, DIR/<class>/*.
      workdir: the run's folder; None is a temporary one, deleted with the `Run`.
      backbone: a Keras model (tf_keras) that embeds pictures [n, H, W, C] in [0, 1] in place of
        the model's own encoder, or a function that makes one (for two networks, or many devices).
        A network is trained as it is given, from the weights it has.
      name: what records and figures call the run's settings, as the name of a file of flags does;
        None is <model>_<dataset>.
      verbose: prints what `train.py` prints.
      **options: as the flags of `train.py`, for instance `episodes=2000, way=20, seed=1`; what is
        drawn between two numbers is a pair: `way=(5, 20)`.

    Returns:
      `Run`.

    Raises:
      UserError: an unknown name or a value that does not fit, or data that is not there.
    """
    if backbone is not None and models.find(model).takes_backbone:
        options = {**options, "encoder": "own"}
    config = _config(model, dataset, options)
    if name is not None:
        if not re.fullmatch(r"[\w.-]+", name):
            raise UserError(f"A name may have letters, digits, _, - and dots. Received: {name}")
        config = dataclasses.replace(config, name=name)
    temporary = None
    if workdir is None:
        temporary = tempfile.TemporaryDirectory(prefix="oneshot_tf-")
        workdir = pathlib.Path(temporary.name) / config.name
    given = {} if backbone is None else {"backbone": backbone}
    trained = experiment.train(config, workdir, quiet=not verbose, substitute=False, **given)
    return Run(trained.workdir, backbone, temporary)


def evaluate(run: "Run | str | os.PathLike", *, results=None, **options) -> dict:
    """Tests a run on classes that it has not seen.

    Args:
      run: a `Run`, or the folder of one.
      results: a folder that gets the record as a JSON file, or None.
      **options: as the flags of `eval.py`, for instance `way=20, shot=(1, 5), eval_episodes=600`.

    Returns:
      The record: accuracies in percent with their intervals under "accuracy", the paper's under
      "paper", and all that it takes to repeat the test.
    """
    run = _run(run)
    test = _options(TestOptions, options, "eval.py")
    folders = [] if results is None else [results]
    return testing.evaluate(run.workdir, test, folders, **run._given).record


def load(source: "Run | str | os.PathLike", checkpoint: "str | None" = None) -> Model:
    """A trained model that answers.

    Args:
      source: a `Run`, the folder of one, or an export.
      checkpoint: of a run: "best" or "last"; None is best where validation chose one.

    Returns:
      `Model`, with `classify(support, labels, queries)` and `embed(images)`.
    """
    if not isinstance(source, Run):
        path = pathlib.Path(source)
        if not path.exists():
            raise UserError(f"A run's folder or an export must be there. Received: {source}")
        if not (path / "config.json").is_file():
            return of_export(source)
    run = _run(source)
    learner, config, _ = experiment.load(run.workdir, checkpoint, **run._given)
    return of_learner(learner, config.data, workdirs.vocabulary(run.workdir))


def export(run: "Run | str | os.PathLike", path=None, *, record=None, **options) -> pathlib.Path:
    """Writes a run as a SavedModel with its card, for TensorFlow Serving or `load`.

    Args:
      run: a `Run`, or the folder of one.
      path: the folder that gets the numbered export; None is `export` in the run's folder.
      record: of `evaluate`, for the card; None is the newest in the run's folder, if any.
      **options: `checkpoint`, `half`, `views`; `changed`, {option: value} of the model's own that a
        test may change, such as {"test_steps": 5}; and `steps`, `rate`, `match` of fine-tuning.

    Returns:
      The path of the export.
    """
    run = _run(run)
    options = {"paper": configs.paper_config, "given": run._given, **options}
    return exporting.export(run.workdir, path, record=record, **options)


def draw(run: "Run | str | os.PathLike", **options) -> "dict[str, np.ndarray]":
    """Pictures of the first test episode: what was shown and answered, what a memory did.

    Args:
      run: a `Run`, or the folder of one.
      **options: as of `evaluate`.

    Returns:
      {name: uint8 [H, W, 3]}.
    """
    run = _run(run)
    return testing.draw(run.workdir, _options(TestOptions, options, "eval.py"), **run._given)


def _run(run):
    return run if isinstance(run, Run) else Run(run)


def _config(model, dataset, options):
    """The `RunConfig` of names and values as flags have them."""
    values = {"model": model, "dataset": str(dataset)}
    if values["dataset"] not in data.DATASETS:
        folder = pathlib.Path(dataset).expanduser()
        if not folder.is_dir():
            raise UserError(
                f"--dataset must be one of {', '.join(data.DATASETS)}, or a folder of pictures that is "
                f"there. Received: {dataset}"
            )
        values |= {"dataset": "folder", "data_dir": str(folder)}
    spans = {field.name for field in dataclasses.fields(TrainOptions) if flags.spans(field)}
    for name, value in options.items():
        if name in spans:  # one number is no span, whatever the model's default is
            pair = isinstance(value, (tuple, list))
            low, high = value if pair else (None, value)
            values |= {f"{name}_from": low, **values, name: high}
        else:
            values[name] = str(value) if isinstance(value, os.PathLike) else value
    own = data.find(values["dataset"]).Options, models.find(model).Options
    known = {f.name for cls in (TrainOptions, *own) for f in dataclasses.fields(cls)}
    _check_names(set(options) - known, known, f"train.py --model={model}")
    return configs.make_config(flags.Parsed(values))


def _options(cls, values, command):
    known = {field.name for field in dataclasses.fields(cls)}
    _check_names(set(values) - known, known, command)
    return cls(**values)


def _check_names(unknown, known, command):
    for name in sorted(unknown):
        hint = did_you_mean(name, known)
        raise UserError(f"{name} is no option{hint}; {command} --help lists them")
