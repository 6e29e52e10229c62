"""A stored record read backwards: the words that test a run again as it was, and what has changed since."""

import dataclasses

from oneshot_tf import models
from oneshot_tf.options import from_fields
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions
from oneshot_tf.runs import plans
from oneshot_tf.serving import card

USUAL = (
    tuple(plans.key_of(*setting) for setting in plans.SETTINGS),
    tuple(plans.key_of(*setting) for setting in plans.SENTENCES),
)
# what is filled in when a run starts
FILLED = ("train_classes", "strategy")


def eval_words(record):
    """The words of eval.py that give a test of the protocol of a record.

    Args:
      record: of a test, made from a run of the same config.

    Returns:
      Flags, without those that say where things are.
    """
    protocol, data = record["protocol"], record["options"]["data"]
    model = record["options"]["model"]
    words = [
        f"--protocol={protocol['kind']}",
        f"--part={protocol['part']}",
        f"--eval_episodes={protocol['episodes']}",
        f"--eval_seed={protocol['seed']}",
        f"--checkpoint={record['train']['checkpoint']}",
    ]
    own = record["dataset"] == record["train"]["dataset"]
    if not own:
        words.append(f"--dataset={record['dataset']}")
    if record["split"]["name"] not in ("all", data["split"]) and (data["split"] or not own):
        words.append(f"--split={record['split']['name']}")
    if protocol["kind"] == "few_shot":
        words += _of_queries(record)
    elif protocol["shot"] != record["options"]["train"]["shot"]:
        words.append(f"--shot={protocol['shot']}")
    # without a word, another data set than the run's has no turned classes
    for name, usual in (
        ("test_rotations", own and data["test_rotations"]),
        ("augment_test", data["augment_test"]),
    ):
        if protocol[name] != usual:
            words.append(f"--{'' if protocol[name] else 'no'}{name}")
    mirrored = protocol.get("mirrored_copies", "none")
    if record["dataset"] == "lfw" and mirrored != data.get("mirrored_copies", "none"):
        words.append(f"--mirrored_copies={mirrored}")
    if protocol["bn"] != model.get("bn", "running"):
        words.append(f"--bn={protocol['bn']}")
    if protocol.get("orders", 1) != model.get("orders", 1):
        words.append(f"--orders={protocol['orders']}")
    return words


def _of_queries(record):
    """The words of a few-shot test alone."""
    protocol, words = record["protocol"], [f"--eval_queries={record['protocol']['queries']}"]
    if tuple(record["accuracy"]) not in USUAL:
        words += [f"--{name}={','.join(map(str, protocol[name]))}" for name in ("way", "shot")]
    for name, value in protocol.get("finetune", {}).items():
        words.append(f"--finetune_{name}={value}")
    return words


def setting_changes(config, record):
    """["--name (stored X, now Y)"] of settings that are others than those of a stored record.

    Args:
      config: the `RunConfig` of its config as it is now.
      record: the record.
    """
    options, cls = record["options"], models.find(record["model"]).Options
    classes = {"data": DataOptions, "train": TrainOptions, "model": cls}
    known = {name: {f.name for f in dataclasses.fields(cls)} for name, cls in classes.items()}
    kept = {n: {k: v for k, v in options[n].items() if k in known[n]} for n in classes}
    gone = [
        f"--{k} (stored {v}, no more)"
        for n in classes
        for k, v in options[n].items()
        if k not in known[n]
    ]
    stored = RunConfig(
        record["config"],
        record["model"],
        from_fields(DataOptions, kept["data"]),
        from_fields(TrainOptions, kept["train"]),
        from_fields(cls, kept["model"]),
    )
    found = card.differences(config, stored)
    trained = [c.train.train_on_validation for c in (config, stored)]
    if trained[0] != trained[1]:
        found.append(("train_on_validation", *trained))
    colour = config.data.channels == stored.data.channels == 3
    idle = (*FILLED, "ink") if colour else FILLED  # ink is of gray pictures
    found = [
        f"--{name} (stored {then}, now {now})" for name, now, then in found if name not in idle
    ]
    return found + gone
