import json

import pytest

from oneshot_tf import models
from oneshot_tf.commands import tune
from oneshot_tf.errors import Diverged, UserError
from oneshot_tf.models.flmn import FLMNOptions
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions
from oneshot_tf.training.signals import Interrupted
from tests.commands.test_train import SMALL, pictures

__all__ = ["pictures"]


@pytest.fixture
def config():
    return RunConfig("n", "flmn", DataOptions(), TrainOptions(), FLMNOptions())


def test_spaces_are_the_declared_ones(config):
    found = tune.spaces(config)
    assert found["learning_rate"] == (float, (3e-4, 1e-2, "log"))
    assert found["rows"] == (int, [64, 128])
    assert "seed" not in found
    assert list(tune.spaces(config, ["rows"])) == ["rows"]


def test_an_option_without_a_space_is_refused(config):
    with pytest.raises(UserError, match="usage_decay has no search space"):
        tune.spaces(config, ["usage_decay"])


def test_values_reach_their_options(config):
    changed = tune.with_values(config, {"rows": 128, "learning_rate": 0.01})
    assert (changed.options.rows, changed.train.learning_rate) == (128, 0.01)
    assert config.options.rows == 64


@pytest.mark.parametrize("name", tune.METHODS)
def test_oracles_propose_within_the_space(config, name, tmp_path):
    space = tune.hyperparameters(tune.spaces(config, ["rows", "learning_rate"]))
    oracle = tune.make_oracle(name, space, 3, seed=0)
    oracle._set_project_dir(str(tmp_path), "search")  # as the tuner does
    trial = oracle.create_trial("tuner0")
    assert trial.hyperparameters.values["rows"] in (64, 128)
    assert 3e-4 <= trial.hyperparameters.values["learning_rate"] <= 1e-2


def test_unknown_oracle():
    with pytest.raises(UserError, match="random, bayesian, hyperband"):
        tune.make_oracle("guess", None, 1, 0)


@pytest.mark.slow  # four runs
def test_a_search_runs_and_goes_on(pictures, tmp_path, capsys):
    words = ["tune", "--model=flmn", "--dataset=folder", f"--data_dir={pictures}", *SMALL]
    words += [f"--workdir={tmp_path}", "--method=random", "--search=learning_rate"]
    tune.main([*words, "--trials=1"])
    first = json.loads((tmp_path / "trials.json").read_text())
    assert len(first) == 1 and 0 <= first[0]["accuracy"] <= 100
    tune.main([*words, "--trials=2"])
    both = json.loads((tmp_path / "trials.json").read_text())
    assert len(both) == 2 and first[0] in both
    assert len(list((tmp_path / "trials").glob("run_*/config.json"))) == 2
    assert "best: --learning_rate=" in capsys.readouterr().out


@pytest.fixture
def words(pictures, tmp_path):
    """A search of two trials."""
    found = ["tune", "--model=flmn", "--dataset=folder", f"--data_dir={pictures}", *SMALL]
    return [*found, f"--workdir={tmp_path}", "--search=learning_rate", "--trials=2"]


def test_an_interrupted_search_ends_and_goes_on_with_its_trial(words, monkeypatch, tmp_path):
    trained = []

    def interrupted(config, workdir):
        trained.append(workdir)
        raise Interrupted(130)

    monkeypatch.setattr(tune.experiment, "train", interrupted)
    assert tune.main(words) == 130 and len(trained) == 1
    monkeypatch.setattr(tune.experiment, "train", lambda config, workdir: trained.append(workdir))
    monkeypatch.setattr(tune, "best_validation", lambda workdir: 50.0)
    assert tune.main(words) == 0
    assert trained[1] == trained[0] and len(set(trained)) == 2
    assert len(json.loads((tmp_path / "trials.json").read_text())) == 2


def test_a_folder_is_of_one_search(words, monkeypatch, tmp_path):
    monkeypatch.setattr(tune.experiment, "train", lambda config, workdir: None)
    monkeypatch.setattr(tune, "best_validation", lambda workdir: 50.0)
    assert tune.main(words) == 0
    for word, name in [
        ("--episodes=90", "--episodes"),
        ("--search=rows", "--search"),
        ("--method=random", "--method"),
        ("--way=4", "--way"),
    ]:
        with pytest.raises(UserError, match=f"of another search; these differ: {name}"):
            tune.main([*words, word])
    assert tune.main([*words, "--trials=3", "--save_every=7"]) == 0
    assert len(json.loads((tmp_path / "trials.json").read_text())) == 3


@pytest.mark.parametrize("name", sorted(models.MODELS))
def test_every_model_can_be_searched(name, tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(tune.experiment, "train", lambda config, workdir: tried.append(config))
    monkeypatch.setattr(tune, "best_validation", lambda workdir: 50.0)
    words = ["--method=random", "--trials=2", f"--workdir={tmp_path}"]
    assert tune.main(["tune", f"--model={name}", *words]) == 0 and len(tried) == 2


def test_a_trial_that_diverges_is_the_worst_and_the_search_goes_on(words, monkeypatch, tmp_path):
    trained = []

    def diverges_first(config, workdir):
        trained.append(workdir)
        if len(trained) == 1:
            raise Diverged("the loss is not finite")

    monkeypatch.setattr(tune.experiment, "train", diverges_first)
    monkeypatch.setattr(tune, "best_validation", lambda workdir: 50.0)
    assert tune.main(words) == 0 and len(set(trained)) == 2
    found = json.loads((tmp_path / "trials.json").read_text())
    assert sorted(trial["accuracy"] for trial in found) == [0.0, 50.0]


def test_what_a_user_has_to_mend_ends_the_search_in_one_line(words, monkeypatch):
    trained = []

    def refused(config, workdir):
        trained.append(workdir)
        raise UserError("--way must be less")

    monkeypatch.setattr(tune.experiment, "train", refused)
    with pytest.raises(UserError, match="--way must be less"):
        tune.main(words)
    assert len(trained) == 1


def test_a_trial_counts_by_its_best_validation(tmp_path):
    lines = [{"kind": "train", "episode": e, "accuracy": 90.0 + e} for e in range(4)]
    lines += [
        {"kind": "validation", "episode": e, "accuracy": a}
        for e, a in enumerate((50.0, 70.0, 60.0))
    ]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert tune.best_validation(tmp_path) == 70.0
    path.write_text(json.dumps(lines[0]) + "\n")
    with pytest.raises(UserError, match="has no validation; tuning needs validation classes"):
        tune.best_validation(tmp_path)
