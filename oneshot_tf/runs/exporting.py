"""Exporting a run: its SavedModel with a card and the record of its test, whole or not at all."""

import os
import pathlib
import shutil

import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import protocols, record_form, records
from oneshot_tf.files import dump, read_json, refuse_pattern
from oneshot_tf.runs import experiment, workdirs
from oneshot_tf.serving import card, model, signatures
from oneshot_tf.training.checkpoints import first_line


def export(
    workdir,
    output=None,
    checkpoint=None,
    record=None,
    half=False,
    paper=lambda config: None,
    given=(),
    changed=None,
    **answer,
):
    """Exports the model of a workdir.

    Args:
      workdir: the run's folder.
      output: the folder that gets `<n>/`; None is `<workdir>/export`.
      checkpoint: "best", "last" or None.
      record: a record or the path of one, or None for the newest that fits.
      half: keeps large weights as float16.
      paper: (`RunConfig`) -> that of the paper's text, which the card compares with, or None.
      changed: {option: value} of the model's `test_options` that are others in the export, or None.
      given: what the model was given from Python, {name: value}; see `experiment.load`.
      **answer: what `protocols.answering` takes: how it answers, if not plainly.

    Returns:
      The path of the export.
    """
    workdir = pathlib.Path(workdir)
    learner, config, trained = experiment.load(workdir, checkpoint, changed, **dict(given))
    stored = read_json(workdir / "config.json")
    logits_of, described = protocols.answering(learner, **answer)
    conditions = {**learner.test_conditions(), **described}
    measured = find_record(workdir, record, config, trained, conditions)

    def write(folder):
        names = signatures.save(
            learner, folder, config.data.ink, logits_of, workdirs.vocabulary(workdir), half
        )
        said = {
            "half": half,
            "signatures": names,
            "adds_up": learner.adds_up and not model.has_own_softmax(described),
            **described,
        }
        fields = {**fields_of(config, learner), **said, **origin_of(stored, trained)}
        (folder / "export.json").write_text(dump(fields), encoding="utf-8")
        text = card.text(learner, config, fields, measured, paper(config))
        (folder / "model_card.md").write_text(text, encoding="utf-8")
        if measured:
            (folder / "record.json").write_text(dump(measured), encoding="utf-8")

    return place(pathlib.Path(output) if output else workdir / "export", write)


def fields_of(config, learner):
    """What an export says of its model."""
    conditions = learner.test_conditions()
    return {
        "model": config.model,
        "config": config.name,
        "way": learner.fixed_way,
        "image_size": config.data.image_size,
        "channels": config.data.channels,
        "ink": config.data.ink,
        **{name: conditions[name] for name in ("bn", "steps") if name in conditions},
    }


def origin_of(stored, trained):
    """What an export says of where it comes from: `stored` is the run's `config.json`."""
    return {
        "trained": {**trained, **records.origin(stored)},
        "split": stored["split"],
        "pictures_sha256": stored["pictures_sha256"],
        "versions": records.versions(),
        "commit": records.commit(),
    }


def place(parent, write):
    """Writes a numbered folder that appears at once, complete.

    Args:
      parent: the folder that gets it; a server may be watching it.
      write: (folder) -> None, fills it.

    Returns:
      `parent/<n>`, n one more than the largest number there.
    """
    refuse_pattern(parent)
    temporary = parent / f".unfinished-{os.getpid()}"
    try:
        temporary.mkdir(parents=True)
        write(temporary)
        while True:
            path = parent / str(max([0, *versions(parent)]) + 1)
            if not path.exists():  # rename would replace an empty folder
                temporary.rename(path)
                return path
    except (OSError, tf.errors.OpError) as error:  # the latter where TensorFlow writes
        reason = error.strerror if isinstance(error, OSError) else first_line(error)
        raise UserError(f"{parent} cannot be written ({reason}); name another --output") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def versions(parent):
    """The numbers among the names in a folder, sorted."""
    return sorted(int(path.name) for path in parent.iterdir() if path.name.isdecimal())


def find_record(workdir, path, config, trained, conditions):
    """The record of a test of this very checkpoint.

    Args:
      workdir: the run's folder.
      path: a record or the path of one that must fit, or None for the newest that does: one on test classes, of
        the data trained on and of the usual protocol where there is such.
      config: `RunConfig`.
      trained: {"episodes", "checkpoint"} of the weights.
      conditions: what the record has to say of how answers are made, see `Learner.test_conditions`.

    Returns:
      The record, or None.

    Raises:
      UserError: `path` names a record of other weights, or a file that is read is no record.
    """

    def fits(record):
        same = record.get("config") == config.name and record.get("seed") == config.train.seed
        usual = {"bn": "running", **record["protocol"]}
        names = ("bn", "orders", "finetune", "views", "steps")
        same = same and all(usual.get(name) == conditions.get(name) for name in names)
        return same and all(
            record["train"].get(k) == trained[k] for k in ("episodes", "checkpoint")
        )

    if path:
        shown = "" if isinstance(path, dict) else f"={path}"
        record = path if isinstance(path, dict) else read_json(path)
        record_form.check(record, f"--record{shown}")
        if not fits(record):
            raise UserError(
                f"--record{shown} must be of {config.name}, seed {config.train.seed}, checkpoint "
                f"{trained['checkpoint']} after {trained['episodes']} episodes; it is of other "
                "weights: run eval.py again"
            )
        return record
    found = sorted((workdir / "evaluation").glob("*.json"), key=lambda p: p.stat().st_mtime)
    fitting = [record for record in map(_read_record, found) if fits(record)]
    fitting = [record for record in fitting if record["protocol"].get("part") != "validation"]
    own = [record for record in fitting if record["dataset"] == config.data.dataset]
    usual = [record for record in own if _usual(record["protocol"], config)]
    return (usual or own or fitting or [None])[-1]


def _read_record(path):
    record = read_json(path)
    record_form.check(record, path)
    return record


def _usual(protocol, config):
    """Whether a test drew its episodes as tests of the run do where nothing is said."""
    turned = protocol.get("test_rotations", False) == config.data.test_rotations
    return turned and not {"within_group", "rounds", "mirrored_copies"} & set(protocol)
