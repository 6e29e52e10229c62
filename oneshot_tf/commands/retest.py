"""A stored record read backwards: the words that test a run again as it was, and what has changed since."""

import dataclasses

from oneshot_tf import data, models
from oneshot_tf.options import from_fields, renamed
from oneshot_tf.run_config import FORMERLY_GENERAL, RunConfig, TrainOptions
from oneshot_tf.runs import plans
from oneshot_tf.serving import settings

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
    protocol, given = record["protocol"], record["options"]["data"]
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
    # a user's own is told by its file; a drawn one is called random-<seed>
    split = record["split"].get("file") or record["split"]["name"].partition("-")[0]
    usual = given["split"] if own else "all"
    if usual is None:
        usual = next(iter(data.find(record["dataset"]).splits), "random")
    if split != usual:
        words.append(f"--split={split}")
    if protocol["kind"] == "few_shot":
        words += _of_queries(record)
    elif protocol["way"] != record["options"]["train"]["way"]:
        words += [f"--{name}={protocol[name]}" for name in ("way", "shot")]
    elif protocol["shot"] != record["options"]["train"]["shot"]:
        words.append(f"--shot={protocol['shot']}")
    # without a word, another data set than the run's has no turned classes
    for name, usual in (
        ("test_rotations", own and given["test_rotations"]),
        ("augment_test", given["augment_test"]),
    ):
        if protocol[name] != usual:
            words.append(f"--{'' if protocol[name] else 'no'}{name}")
    words += [f"--{name}" for name in ("rounds", "within_group") if protocol.get(name)]
    mirrored = protocol.get("mirrored_copies", "none")
    if own and mirrored != given.get("mirrored_copies", "none"):
        words.append(f"--mirrored_copies={mirrored}")
    if protocol["bn"] != model.get("bn", "running"):
        words.append(f"--bn={protocol['bn']}")
    if protocol.get("orders", 1) != model.get("orders", 1):
        words.append(f"--orders={protocol['orders']}")
    usual_steps = model.get("steps") if model.get("test_steps") is None else model["test_steps"]
    if protocol.get("steps", usual_steps) != usual_steps:
        words.append(f"--test_steps={protocol['steps']}")
    return words


def _of_queries(record):
    """The words of a few-shot test alone."""
    protocol, words = record["protocol"], [f"--eval_queries={record['protocol']['queries']}"]
    if tuple(record["accuracy"]) not in USUAL:
        words += [f"--{name}={','.join(map(str, protocol[name]))}" for name in ("way", "shot")]
    if "views" in protocol:
        words.append(f"--views={protocol['views']}")
    for name, value in protocol.get("finetune", {}).items():
        words.append(f"--finetune_{name}={value}")
    return words


def stored_config(record):
    """The `RunConfig` that a record was made with, and {option: value} of options that are no more."""
    options, model = record["options"], models.find(record["model"]).Options
    source = data.find(options["data"]["dataset"]).Options
    classes = {"data": source, "train": TrainOptions, "model": model}
    found, gone = {}, {}
    for part, cls in classes.items():
        known, stored = {f.name for f in dataclasses.fields(cls)}, renamed(cls, options[part])
        found[part] = from_fields(cls, {k: v for k, v in stored.items() if k in known})
        gone |= {k: v for k, v in stored.items() if k not in (*known, *FORMERLY_GENERAL)}
    config = RunConfig(
        record["config"], record["model"], found["data"], found["train"], found["model"]
    )
    return config, gone


def setting_changes(config, record):
    """["--name (stored X, now Y)"] of settings that are others than those of a stored record.

    Args:
      config: the `RunConfig` of its config as it is now.
      record: the record.
    """
    stored, gone = stored_config(record)
    if stored.data.dataset != config.data.dataset:
        return [f"--dataset (stored {stored.data.dataset}, now {config.data.dataset})"]
    found = settings.differences(config, stored)
    trained = [c.train.train_on_validation for c in (config, stored)]
    if trained[0] != trained[1]:
        found.append(("train_on_validation", *trained))
    colour = config.data.channels == stored.data.channels == 3
    idle = (*FILLED, "ink") if colour else FILLED  # ink is of gray pictures
    changes = [f"--{name} (stored {then}, now {now})" for name, now, then in found]
    changes = [words for words, (name, *_) in zip(changes, found, strict=True) if name not in idle]
    return changes + [f"--{name} (stored {value}, no more)" for name, value in gone.items()]
