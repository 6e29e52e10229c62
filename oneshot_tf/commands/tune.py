"""Search for options: `python -m oneshot_tf.tune --model=flmn --trials=20 --episodes=20000`.

keras-tuner proposes values of the options that declare a search space; every trial is a training
run with a workdir of its own, judged on validation classes. Run again, the search goes on.
"""

import dataclasses
import pathlib
import sys

import keras_tuner

from oneshot_tf.commands import configs
from oneshot_tf.errors import Diverged, UserError
from oneshot_tf.files import dump, read_json, write_text
from oneshot_tf.options import field_type
from oneshot_tf.run_config import PARTS, check_stored
from oneshot_tf.runs import experiment, workdirs
from oneshot_tf.training.logging import read_metrics
from oneshot_tf.training.signals import Interrupted

METHODS = ("random", "bayesian", "hyperband")
BUDGET = 9  # Hyperband's largest budget, as a multiple of its smallest


class Stopped(keras_tuner.errors.FatalError):
    """What ends the whole search, not one trial of it: `cause` says why."""

    def __init__(self, cause):
        super().__init__(str(cause))
        self.cause = cause


class Tuner(keras_tuner.engine.base_tuner.BaseTuner):
    """Trains a run for every trial that the oracle proposes.

    Args:
      config: the `RunConfig` that trials vary.
      searched: names of the searched options.
      **kwargs: as of keras-tuner's `BaseTuner`.
    """

    def __init__(self, config, searched, **kwargs):
        self.config, self.searched = config, searched
        super().__init__(hypermodel=None, **kwargs)

    def run_trial(self, trial):
        """Trains with the trial's values; returns what is minimised, the error in percent."""
        chosen = trial.hyperparameters.values
        config = with_values(self.config, {name: chosen[name] for name in self.searched})
        if "tuner/epochs" in chosen:  # Hyperband's budget
            share = chosen["tuner/epochs"] / BUDGET
            episodes = max(config.train.batch_size, round(share * config.train.episodes))
            config = dataclasses.replace(
                config, train=dataclasses.replace(config.train, episodes=episodes)
            )
        workdir = pathlib.Path(self.project_dir) / f"run_{trial.trial_id}"
        try:
            experiment.train(config, workdir)
            accuracy = best_validation(workdir)
        except Diverged as cause:  # a finding about its values, and again so if it is run again
            print(f"trial {trial.trial_id}: {cause}", file=sys.stderr)
            accuracy = 0.0
        except (Interrupted, UserError) as cause:
            # keras-tuner would count it as this trial's failure, and go on with the next
            raise Stopped(cause) from cause
        return 100.0 - accuracy

    def load_model(self, trial):
        raise UserError("Load a trial's model with eval.py or oneshot_tf.export from its workdir")


def spaces(config, only=None):
    """{option name: search space} of all options of a config that declare one.

    Args:
      config: `RunConfig`.
      only: names to search, or None for all.

    Raises:
      UserError: a name without a search space.
    """
    found = {}
    for options in (config.options, config.train):
        for field in dataclasses.fields(options):
            if field.metadata["search"] is not None:
                found[field.name] = (
                    field_type(type(options), field.name),
                    field.metadata["search"],
                )
    missing = sorted(set(only or ()) - set(found))
    if missing:
        raise UserError(
            f"--search: {', '.join(missing)} has no search space; choose from {', '.join(found)}"
        )
    return {name: found[name] for name in only or found}


def hyperparameters(searched):
    """The search spaces as keras-tuner's `HyperParameters`."""
    space = keras_tuner.HyperParameters()
    for name, (kind, search) in searched.items():
        if kind is bool:  # a choice would come back as 0 or 1
            space.Boolean(name)
        elif isinstance(search, list):
            space.Choice(name, search)
        else:
            low, high, sampling = search
            define = space.Float if kind is float else space.Int
            define(name, low, high, sampling=sampling)
    return space


def with_values(config, values):
    """The config with some options of model or training replaced."""
    parts = {}
    for part in ("options", "train"):
        options = getattr(config, part)
        names = {field.name for field in dataclasses.fields(options)}
        chosen = {name: value for name, value in values.items() if name in names}
        parts[part] = dataclasses.replace(options, **chosen)
    return dataclasses.replace(config, **parts)


def best_validation(workdir):
    """The best validation accuracy of a run, in percent."""
    lines = read_metrics(pathlib.Path(workdir) / "metrics.jsonl")
    scores = [line["accuracy"] for line in lines if line["kind"] == "validation"]
    if not scores:
        raise UserError(f"{workdir} has no validation; tuning needs validation classes")
    return max(scores)


def make_oracle(name, space, trials, seed):
    """keras-tuner's oracle of a name in `METHODS`."""
    common = {
        "objective": keras_tuner.Objective("default_objective", "min"),
        "hyperparameters": space,
        "tune_new_entries": False,
        "allow_new_entries": True,
        "seed": seed,
        "max_retries_per_trial": 0,
        "max_consecutive_failed_trials": 3,
    }
    if name == "random":
        return keras_tuner.oracles.RandomSearchOracle(max_trials=trials, **common)
    if name == "bayesian":
        return keras_tuner.oracles.BayesianOptimizationOracle(max_trials=trials, **common)
    if name == "hyperband":
        return keras_tuner.oracles.HyperbandOracle(max_epochs=BUDGET, factor=3, **common)
    raise UserError(f"--method must be one of {', '.join(METHODS)}. Received: {name}")


def claim(folder, config, searched, method):
    """Notes in a folder what is searched there; refuses one of another search.

    keras-tuner goes on with the trials that it finds, whatever they are trials of.

    Args:
      folder: the search's folder.
      config: the `RunConfig` that trials vary.
      searched: names of the searched options.
      method: a name in `METHODS`.

    Raises:
      UserError: what was searched there differs.
    """
    path = pathlib.Path(folder) / "search.json"
    now = {"method": method, "search": sorted(searched), **config.to_json()}
    before = read_json(path) if path.is_file() else now
    check_stored(before, {"method": str, "search": list, **PARTS})
    differing = [name for name in ("method", "search", "model") if before.get(name) != now[name]]
    if "model" not in differing:
        # both ways: a run's episodes may grow, a search's may not
        found = workdirs.changes(before, now) + workdirs.changes(now, before)
        differing += dict.fromkeys(name for name, *_ in found)
    if differing:
        raise UserError(
            f"{folder} is of another search; these differ: --{', --'.join(differing)}. Name another "
            "--workdir, or say what its search.json says"
        )
    write_text(path, dump(now))


def main(argv):
    """Searches, then prints the trials, best first, and the flags of the best. Returns the exit code."""
    own = {
        "workdir": (str, "the search's folder (default: runs/tune-<model>-<dataset>)"),
        "trials": (int, "how many trials (default: 20; hyperband has its own schedule)"),
        "method": (str, f"{', '.join(METHODS)} (default: bayesian)"),
        "search": (str, "names of options to search, with commas (default: all that can be)"),
    }
    parsed = configs.parse(argv, own)
    config = configs.make_config(parsed, configs.config_name(argv))
    only = parsed.get("search").split(",") if parsed.get("search") else None
    searched = spaces(config, only)
    folder = pathlib.Path(
        parsed.get("workdir") or f"runs/tune-{config.model}-{config.data.dataset}"
    )
    method = parsed.get("method", "bayesian")
    oracle = make_oracle(
        method,
        hyperparameters(searched),
        parsed.get("trials", 20),
        config.train.seed,
    )
    claim(folder, config, searched, method)
    tuner = Tuner(
        config, list(searched), oracle=oracle, directory=str(folder), project_name="trials"
    )
    try:
        tuner.search()
    except Stopped as stopped:
        if isinstance(stopped.cause, Interrupted):
            print("The same command goes on with this trial")
            return stopped.cause.code
        raise stopped.cause from None
    report(tuner, list(searched), folder)
    return 0


def report(tuner, searched, folder):
    """Prints all finished trials, best first, and writes them to `trials.json`."""
    trials = [t for t in tuner.oracle.trials.values() if t.score is not None]
    trials.sort(key=lambda t: t.score)
    rows = [
        {
            "accuracy": round(100.0 - trial.score, 3),
            **{name: trial.hyperparameters.values[name] for name in searched},
        }
        for trial in trials
    ]
    if not rows:
        raise UserError(f"No trial of {folder} finished; its runs say why")
    write_text(folder / "trials.json", dump(rows))
    for row in rows:
        print(f"{row['accuracy']:7.2f} %  " + " ".join(f"{k}={row[k]}" for k in searched))
    print("best: " + " ".join(f"--{name}={rows[0][name]}" for name in searched))
