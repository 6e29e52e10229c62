"""Exports a trained model: `python -m oneshot_tf.export --workdir=runs/flmn-omniglot`."""

import os
import pathlib
import shutil

from oneshot_tf import experiment, flags, workdirs
from oneshot_tf.commands import model_options
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import protocols, records
from oneshot_tf.files import dump, read_json
from oneshot_tf.run_config import DataOptions, TrainOptions
from oneshot_tf.serving import card, signatures

OWN = {
    "workdir": (str, "the run's folder"),
    "output": (str, "where to write <n>/ (default: <workdir>/export)"),
    "checkpoint": (str, "best or last (default: best, or last where all classes trained)"),
    "record": (str, "record to put beside it (default: the newest of <workdir>/evaluation)"),
    "half": (bool, "keep large weights as float16, which takes half the bytes on disk"),
    "finetune_steps": (
        int,
        "answer after so many Adam steps on the request's support (default: 0)",
    ),
    "finetune_rate": (float, "learning rate of these (default: 0.001)"),
    "finetune_match": (str, "own or softmax, as in eval.py (default: own)"),
}
CONFIGS = pathlib.Path(__file__).resolve().parent.parent / "configs"


def main(argv):
    """Writes a SavedModel with card and record; prints where. Returns the exit code."""
    parsed = flags.parse(["-m oneshot_tf.export", *argv[1:]], OWN, [])
    if parsed.get("workdir") is None:
        raise UserError("--workdir is missing: the folder of a trained run")
    if parsed.get("checkpoint") not in (None, "best", "last"):
        raise UserError(f"--checkpoint must be best or last. Received: {parsed.get('checkpoint')}")
    path = export(
        parsed.get("workdir"),
        parsed.get("output"),
        parsed.get("checkpoint"),
        parsed.get("record"),
        parsed.get("half", False),
        steps=parsed.get("finetune_steps", 0),
        rate=parsed.get("finetune_rate", 1e-3),
        match=parsed.get("finetune_match", "own"),
    )
    print(f"export: {path}")
    print(f"Look into it: saved_model_cli show --dir {path} --all")
    return 0


def export(workdir, output=None, checkpoint=None, record=None, half=False, **finetune):
    """Exports the model of a workdir.

    Args:
      workdir: the run's folder.
      output: the folder that gets `<n>/`; None is `<workdir>/export`.
      checkpoint: "best", "last" or None.
      record: path of a record, or None for the newest that fits.
      half: keeps large weights as float16.
      **finetune: `steps`, `rate` and `match` of `protocols.finetuning`; nothing: none.

    Returns:
      The path of the export.
    """
    workdir = pathlib.Path(workdir)
    learner, config, trained = experiment.load(workdir, checkpoint)
    stored = read_json(workdir / "config.json")
    finetune = {"steps": 0, "rate": 1e-3, "match": "own", **finetune}
    logits_of, described = protocols.finetuning(learner, **finetune)
    measured = find_record(workdir, record, config, trained, described.get("finetune"))

    def write(folder):
        fields = {
            "model": config.model,
            "config": config.name,
            "way": learner.way if learner.episode == "sequence" else None,
            "image_size": config.data.image_size,
            "channels": config.data.channels,
            "ink": config.data.ink,
            "half": half,
            "signatures": signatures.save(
                learner, folder, config.data.ink, logits_of, workdirs.vocabulary(workdir), half
            ),
            **described,
            "trained": trained,
            "split": stored["split"],
            "pictures_sha256": stored["pictures_sha256"],
            "versions": records.versions(),
            "commit": records.commit(),
        }
        (folder / "export.json").write_text(dump(fields), encoding="utf-8")
        text = card.text(learner, config, fields, measured, paper_config(config))
        (folder / "model_card.md").write_text(text, encoding="utf-8")
        if measured:
            (folder / "record.json").write_text(dump(measured), encoding="utf-8")

    return place(pathlib.Path(output) if output else workdir / "export", write)


def place(parent, write):
    """Writes a numbered folder that appears at once, complete.

    Args:
      parent: the folder that gets it; a server may be watching it.
      write: (folder) -> None, fills it.

    Returns:
      `parent/<n>`, n one more than the largest number there.
    """
    temporary = parent / f".unfinished-{os.getpid()}"
    try:
        temporary.mkdir(parents=True)
        write(temporary)
        while True:
            path = parent / str(max([0, *versions(parent)]) + 1)
            if not path.exists():  # rename would replace an empty folder
                temporary.rename(path)
                return path
    except OSError as error:
        raise UserError(
            f"{parent} cannot be written ({error.strerror}); name another --output"
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def versions(parent):
    """The numbers among the names in a folder, sorted."""
    return sorted(int(path.name) for path in parent.iterdir() if path.name.isdecimal())


def find_record(workdir, path, config, trained, finetune=None):
    """The record of a test of this very checkpoint.

    Args:
      workdir: the run's folder.
      path: of a record that must fit, or None for the newest that does: one on test classes, of
        the data trained on where there is such.
      config: `RunConfig`.
      trained: {"episodes", "checkpoint"} of the weights.
      finetune: what the record has to say of fine-tuning, or None.

    Returns:
      The record, or None.

    Raises:
      UserError: `path` names a record of other weights.
    """

    def fits(record):
        same = record.get("config") == config.name and record.get("seed") == config.train.seed
        same = same and record["protocol"].get("finetune") == finetune
        same = same and all(
            record["protocol"].get(name, usual) == getattr(config.options, name, usual)
            for name, usual in (("bn", "running"), ("orders", 1))
        )
        return same and all(
            record["train"].get(k) == trained[k] for k in ("episodes", "checkpoint")
        )

    if path:
        record = read_json(path)
        if not fits(record):
            raise UserError(
                f"--record={path} must be of {config.name}, seed {config.train.seed}, checkpoint "
                f"{trained['checkpoint']} after {trained['episodes']} episodes; it is of other "
                "weights: run eval.py again"
            )
        return record
    found = sorted((workdir / "evaluation").glob("*.json"), key=lambda p: p.stat().st_mtime)
    fitting = [record for record in map(read_json, found) if fits(record)]
    fitting = [record for record in fitting if record["protocol"].get("part") != "validation"]
    own = [record for record in fitting if record["dataset"] == config.data.dataset]
    return (own or fitting or [None])[-1]


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
    return experiment.make_config(
        flags.parse(words, {}, [TrainOptions, DataOptions], model_options), chosen.stem
    )


if __name__ == "__main__":
    flags.run(main)
