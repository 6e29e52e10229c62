"""What replicas share and keep: two of them on one CPU, in a process of its own."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.training import replication

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.slow  # two replicas are compiled


@pytest.fixture(scope="module")
def told(tmp_path_factory, encode):
    """What `two_replicas` says."""
    pictures, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for c in range(6):
        (pictures / f"class{c}").mkdir()
        for k in range(4):
            picture = encode(random.integers(0, 256, (8, 8), np.uint8))
            (pictures / f"class{c}" / f"{k}.png").write_bytes(picture)
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.two_replicas", str(pictures)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_copy_has_the_weights_and_running_statistics_of_the_replicas(told):
    assert len(told["kept"]) == len(told["replicas"]) >= 10
    for kept, parts in zip(told["kept"], told["replicas"], strict=True):
        for part in parts:
            np.testing.assert_array_equal(kept, part)


def test_running_statistics_are_the_mean_over_the_replicas(told):
    np.testing.assert_allclose(told["kept means"], told["means"], rtol=1e-4, atol=1e-6)


def test_what_an_update_begins_with_is_one_for_all_replicas(told):
    """Reptile's moments: within a call of many updates, too."""
    for first, second in told["moments"]:
        np.testing.assert_array_equal(first, second)
        assert np.abs(first).max() > 0


def test_pictures_in_files_train_as_those_in_memory(told):
    """Way and shot are drawn: one for all of a batch, or the replicas could not share a loss."""
    for name, value in told["memory"].items():
        np.testing.assert_allclose(told["files"][name], value, rtol=1e-6)
    assert told["memory"]["loss"] > 0.1


def test_numbers_are_exchanged(told):
    assert told["exchanged"] == [7, 7]
    assert told["agreed"] == 130  # one process agrees with itself


def test_one_device_is_its_own_copy():
    strategy = tf.distribute.get_strategy()
    assert replication.is_chief(strategy)
    assert replication.workers(strategy) == 1
    assert replication.losses(strategy) == ()
    with replication.folder(strategy, "here") as folder:
        assert folder == "here"
    replication.check_equal(strategy, 3)


@pytest.mark.parametrize(("codes", "agreed"), [((-1, -1), None), ((-1, 0), 0), ((0, 130), 130)])
def test_workers_agree_on_how_to_end(monkeypatch, codes, agreed):
    monkeypatch.setattr(replication, "exchange", lambda strategy: lambda number: list(codes))
    monkeypatch.setattr(replication, "workers", lambda strategy: 2)
    trained = replication.Trained(tf.Module(), tf.Module())
    monkeypatch.setattr(replication, "everything", lambda *trained: [])
    found = replication.Replication(tf.distribute.get_strategy(), trained, trained)
    assert found.agree(None if codes[0] < 0 else codes[0]) == agreed


def test_workers_with_other_options_are_refused(monkeypatch):
    monkeypatch.setattr(replication, "workers", lambda strategy: 3)
    monkeypatch.setattr(
        replication, "exchange", lambda strategy: lambda number: [number, 5, number]
    )
    with pytest.raises(UserError, match=r"the same options and data\. .* replicas \[1\]; start"):
        replication.check_equal(None, 4)


def test_other_workers_than_the_chief_write_nowhere(monkeypatch, tmp_path):
    monkeypatch.setattr(replication, "is_chief", lambda strategy: False)
    with replication.folder(None, tmp_path) as folder:
        assert pathlib.Path(folder).is_dir() and pathlib.Path(folder) != tmp_path
    assert not pathlib.Path(folder).exists()
