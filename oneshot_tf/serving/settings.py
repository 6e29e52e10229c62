"""The settings of a run that shape its result, beside those of a paper's text or our defaults."""

import dataclasses
import pathlib

from oneshot_tf import data
from oneshot_tf.run_config import DataOptions

_NOT_SETTINGS = (
    "data_dir",
    "seed",
    "train_on_validation",
    "execution",
    "steps_per_call",
    "keep",
    "replicas",
)
_NOT_SETTINGS += (
    "eval_every",
    "save_every",
    "validation_episodes",
    "figures_every",
    "deterministic",
)

_READING = (
    "*To the letter* is our config that follows the paper's text. Where the paper gives no value, as most "
    "give no learning rate, the value there is our reading of it, not the paper's."
)


def text(learner, config, paper):
    """A table of the options that are others than in the paper's text, or than our defaults.

    Args:
      learner: the model.
      config: its `RunConfig`.
      paper: the `RunConfig` of the paper's text, or None.
    """
    if paper is None:
        defaults = {"dataset": DataOptions.dataset, **learner.defaults}
        defaults |= data.find(config.data.dataset).defaults
        title, found = "defaults of this package", differences(config, None, defaults)
    else:
        title, found = f"to the letter (`{paper.name}.flags`)", differences(config, paper)
    if not found:
        same = f"paper's text (`{paper.name}.flags`)" if paper else title
        return f"## Settings\n\nNone differs from the {same}."
    rows = [f"| `{name}` | {here} | {there} |" for name, here, there in found]
    head = [f"{_READING}\n" if paper else "", f"| option | here | {title} |", "|---|---|---|"]
    return "\n".join(["## Settings\n", *head, *rows])


def differences(config, other=None, defaults=None):
    """[(option, value here, value there)] of what shapes the result.

    Args:
      config: `RunConfig`.
      other: another of the same model, or None to compare with what holds where nothing is said.
      defaults: the model's and the data set's own {option: value}, for that.
    """
    found = []
    defaults = defaults or {}
    encoders = {getattr(c.options, "encoder", None) for c in (config, other or config)}
    flat = encoders == {"flat"}  # then the sizes of an encoder say nothing
    answers = {getattr(c.options, "answer_units", None) for c in (config, other or config)}
    plain = answers == {0}  # and of a hidden layer that is not there, its activation
    for part in ("data", "train", "options"):
        here = getattr(config, part)
        there = getattr(other, part) if other else type(here)()
        for field in dataclasses.fields(here):
            name = field.name
            before, after = defaults.get(name, getattr(there, name, "")), getattr(here, name)
            idle = name in _NOT_SETTINGS or (flat and name in ("filters", "blocks"))
            idle = idle or (plain and name == "answer_activation")
            idle = idle or (name == "precision" and "auto" in (before, after))
            if name in ("encoder_weights", "split") and after:
                after = pathlib.PurePath(after).name  # not the folder of this machine
            if before != after and not idle:
                found.append((name, after, before))
    return found
