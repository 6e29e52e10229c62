"""A run's folder: its `config.json`, and whether it is of the run that is asked for."""

import copy
import hashlib
import json
import pathlib

from oneshot_tf import data, models
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import papers, records
from oneshot_tf.files import read_bytes, read_json, replacing
from oneshot_tf.options import earlier_values, renamed
from oneshot_tf.run_config import PARTS, DataOptions, RunConfig, TrainOptions, check_stored

VOCABULARY = "vocabulary.txt"
FOUND = {"split": dict, "pictures_sha256": str}  # of `config.json`, beside the `RunConfig`
# options that may change between a run and its resumption: they change no weight
FREE = (
    "data_dir",
    "steps_per_call",
    "eval_every",
    "validation_episodes",
    "save_every",
    "keep",
    "figures_every",
    "strategy",  # where the replicas are; how many there are is not free
)


def prepare(workdir, found, words=None):
    """Makes a folder's `config.json`, or checks that it is of the same run.

    Args:
      workdir: the folder.
      found: `description` of the run.
      words: the word of every token of a run on sentences.

    Raises:
      UserError: a workdir of other options, classes or pictures, or one of which nobody can tell.
    """
    workdir = pathlib.Path(workdir)
    path = workdir / "config.json"
    now = {
        **found,
        "versions": records.versions(),
        "commit": records.commit(),
        "starts": [{**records.start(), "episodes": found["train"]["episodes"]}],
    }
    if not path.is_file():
        if any((workdir / "checkpoints").glob("ckpt-*")):
            raise UserError(
                f"{workdir} has checkpoints and no config.json to tell of which run; restore it, or "
                "train in a new --workdir"
            )
        if words is not None:
            write_vocabulary(workdir, words)
        records.write(path, now)
        return
    before, _ = _stored(path)
    differing = differences(before, now)
    if differing:
        raise UserError(
            f"{workdir} is of another run; these differ: {', '.join(differing)}. Name another "
            "--workdir, or say what its config.json says"
        )
    grown = {**before["train"], "episodes": found["train"]["episodes"]}
    starts = [*before.get("starts", []), *now["starts"]]
    records.write(path, {**before, "train": grown, "starts": starts})


def finish(workdir):
    """Notes in a folder's `config.json` how much memory the run took since its last start."""
    path = pathlib.Path(workdir) / "config.json"
    fields = read_json(path)
    fields["starts"][-1]["peak_memory_gib"] = records.peak_memory()
    records.write(path, fields)


def description(config, dataset, split):
    """What a run is made of: options, classes and pictures, as JSON can hold them."""
    return {
        **config.to_json(),
        "split": split.describe(),
        "pictures_sha256": dataset.sha256(),
    }


def fingerprint(found):
    """A number of 63 bits of all that must be equal in the workers of one run, by `description`."""
    found = copy.deepcopy(found)
    for part, name in [("data", "data_dir"), ("train", "keep"), ("train", "validation_episodes")]:
        del found[part][name]
    words = json.dumps(found, sort_keys=True)
    return int(hashlib.sha256(words.encode()).hexdigest(), 16) >> 193


def write_vocabulary(workdir, words):
    """Keeps the words of a data set of sentences: an export tells tokens by them."""
    with replacing(pathlib.Path(workdir) / VOCABULARY, "wb") as file:
        file.write(("\n".join(words) + "\n").encode())


def vocabulary(workdir):
    """The word of every token of a run on sentences; None of a run on pictures."""
    path = pathlib.Path(workdir) / VOCABULARY
    if not path.is_file():
        return None
    return read_bytes(path).decode("utf-8").split("\n")[:-1]


def differences(before, now):
    """["--name (then X, now Y)"] of what must not change within a run; episodes may grow."""
    found = [f"--{name} (then {old}, now {new})" for name, old, new in changes(before, now)]
    return found + [
        name for name in ("model", "split", "pictures_sha256") if before.get(name) != now[name]
    ]


def changes(before, now):
    """[(option, value before, value now)] of the options that must not change within a run.

    Options that have been added since the run began had their earlier value then.

    Args:
      before: {"data", "train", "options"} as stored; of a part that is not there, nothing is said.
      now: the same of a run of the present, and its "model".
    """
    found = []
    classes = {
        "data": data.find(now["data"]["dataset"]).Options,
        "train": TrainOptions,
        "options": models.find(now["model"]).Options,
    }
    for part, cls in classes.items():
        if part not in before:
            continue
        earlier, then = earlier_values(cls), renamed(cls, before[part])
        for name, value in now[part].items():
            old = then.get(name, earlier[name])
            grows = name == "episodes" and old is not None and value >= old
            if old != value and name not in FREE and not grows:
                found.append((name, old, value))
    return found


def read_config(workdir):
    """The `RunConfig` of a workdir."""
    return read(workdir)[1]


def read(workdir):
    """(what a workdir's `config.json` says, the `RunConfig` of it).

    Raises:
      UserError: it is not there, cannot be read, or is no run's.
    """
    path = pathlib.Path(workdir) / "config.json"
    if not path.is_file():
        raise UserError(f"{path} is not there; is this the folder of a run?")
    return _stored(path)


def _stored(path):
    """(what a `config.json` says, the `RunConfig` of it).

    Raises:
      UserError: it cannot be read, or is no run's.
    """
    fields = read_json(path)
    try:
        check_stored(fields, {**PARTS, **FOUND})
        check_stored(fields["split"], {"name": str, "classes": list, "sha256": str})
        check_stored({"starts": [], **fields}, {"starts": list})
        source = data.find(str(fields["data"].get("dataset", DataOptions.dataset)))
        model = models.find(fields["model"])
        named = {**fields, **papers.named(fields)}
        return fields, RunConfig.from_json(named, model.Options, source.Options)
    except UserError as error:
        raise UserError(
            f"{path} is no config of a run ({error}); restore it, or train in a new --workdir"
        ) from None


def usual_checkpoint(workdir, config):
    """ "best" where validation chose one, else "last"."""
    validated = (pathlib.Path(workdir) / "best" / "checkpoint").is_file()
    return "best" if validated and not config.train.train_on_validation else "last"
