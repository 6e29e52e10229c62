"""Learners that adapt, as a user runs them: resumed to the bit, exported, tested by other statistics."""

import json

import numpy as np
import pytest

import oneshot_tf
from oneshot_tf.runs import experiment, exporting

SIZE = 8
OPTIONS = {"image_size": SIZE, "way": 3, "shot": 1, "queries": 1, "validation_episodes": 4}
OPTIONS |= {"batch_size": 2, "filters": 4, "blocks": 2, "schedule": "constant"}
CASES = {
    "maml": {"first_order_episodes": 3, "multi_step_episodes": 6, "steps": 2},
    "reptile": {"steps": 2, "test_steps": 3},
    "meta_sgd": {"bn": "running"},
    "meta_lstm": {"passes": 2},
    "meta_networks": {"parts": 2},
}


@pytest.fixture
def folder(picture_folder):
    return picture_folder({f"class{k}": 5 for k in range(10)})


def variables(workdir):
    learner, _, _ = experiment.load(workdir, "last")
    return {v.name: v.numpy() for v in learner.variables}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CASES))
def test_resumed_to_the_bit_and_exported(folder, tmp_path, name):
    """Eight episodes at once, or four and then four: what is counted and kept goes on as well."""
    options = {**OPTIONS, **CASES[name]}
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    run = oneshot_tf.train(name, folder, episodes=8, workdir=whole, **options)
    for episodes in (4, 8):
        oneshot_tf.train(name, folder, episodes=episodes, workdir=halves, **options)
    found, expected = variables(halves), variables(whole)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)

    pictures = np.random.default_rng(0).random((3, SIZE, SIZE, 1), np.float32)
    asked = pictures, ["a", "b", "c"], pictures[::-1] * 0.9
    answers = oneshot_tf.load(run).classify(*asked).probabilities
    exported = oneshot_tf.load(oneshot_tf.export(run, tmp_path / "export"))
    np.testing.assert_allclose(exported.classify(*asked).probabilities, answers, atol=1e-5)


@pytest.mark.slow
def test_steps_and_batch_norm_of_tests_and_exports(folder, tmp_path):
    run = oneshot_tf.train("maml", folder, episodes=4, workdir=tmp_path / "run", **OPTIONS)
    test = {"way": 2, "shot": 1, "eval_episodes": 4, "eval_queries": 1}
    results = tmp_path / "results"
    record = oneshot_tf.evaluate(run, results=results, test_steps=3, bn="batch", **test)
    assert record["protocol"]["steps"] == 3 and record["protocol"]["bn"] == "batch"
    names = [path.stem for path in results.glob("*.json")]
    assert len(names) == 1 and "-bn_batch-3_steps" in names[0]
    pictures = np.random.default_rng(0).random((3, SIZE, SIZE, 1), np.float32)
    asked = pictures, ["a", "b", "c"], pictures[::-1] * 0.9
    answers = []
    for steps in (0, 3):
        path = exporting.export(run.workdir, tmp_path / str(steps), changed={"test_steps": steps})
        assert json.loads((path / "export.json").read_text())["steps"] == steps
        answers.append(oneshot_tf.load(path).classify(*asked).probabilities)
    assert np.abs(answers[0] - answers[1]).max() > 1e-4
    with pytest.raises(oneshot_tf.UserError, match="at most 3 classes"):
        oneshot_tf.load(path).classify(pictures[[0, 1, 2, 0]], list("abcd"), pictures)
