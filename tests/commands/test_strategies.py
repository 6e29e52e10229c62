"""One device, two on one machine, and two workers: `train.py` gives the same numbers.

That holds for what has no batch norm in training, here `--model=lstm --encoder=flat`: batch norm
takes the statistics of a replica's own share of the batch, which differ from those of all of it.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.commands import train as train_command
from oneshot_tf.training.logging import read_metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]
UPDATES, BATCH, LIMIT = 50, 4, 600  # LIMIT: seconds, so that nothing hangs
# pictures are due where neither saves nor calls end: all workers have to stop there
OPTIONS = [
    "--model=lstm",
    "--encoder=flat",
    "--dataset=folder",
    "--image_size=8",
    "--way=2",
    "--shot=3",
    "--hidden_size=8",
    "--execution=while",
    f"--batch_size={BATCH}",
    f"--episodes={UPDATES * BATCH}",
    "--learning_rate=0.03",
    "--schedule=cosine",
    "--clip_norm=0.05",
    "--steps_per_call=3",
    f"--save_every={20 * BATCH}",
    f"--eval_every={UPDATES * BATCH}",
    "--validation_episodes=4",
    f"--figures_every={25 * BATCH}",
]
# kills itself as `kill -9` would, when update 23 is done and before the next is
DIES = """
import os, signal, sys
from oneshot_tf.commands import flags
from oneshot_tf.commands import train as train_command
from oneshot_tf.training import loop
whole, calls = loop.scalars, []
def scalars(*arguments):
    calls.append(1)
    if len(calls) == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*arguments)
loop.scalars = scalars
flags.run(train_command.main)
"""


def environment(**more):
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **more}


def free_addresses(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    return addresses


def start_workers(commands):
    """Processes of command lines, worker by worker, on free ports of this machine."""
    addresses = free_addresses(len(commands))
    processes = []
    for index, words in enumerate(commands):
        task = {"type": "worker", "index": index}
        config = {"cluster": {"worker": addresses}, "task": task}
        processes.append(
            subprocess.Popen(
                [sys.executable, *words, "--strategy=multi_worker"],
                cwd=ROOT,
                env=environment(TF_CONFIG=json.dumps(config)),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


def run_workers(*commands):
    """[(exit code, stdout, stderr)], worker by worker."""
    processes = start_workers(commands)
    try:
        said = [process.communicate(timeout=LIMIT) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(p.returncode, *words) for p, words in zip(processes, said, strict=True)]


def metrics(workdir, part, name):
    lines = [line for line in read_metrics(workdir / "metrics.jsonl") if line["kind"] == part]
    return {line["episode"]: line[name] for line in lines}


def weights(workdir):
    path = tf.train.latest_checkpoint(str(workdir / "checkpoints"))
    assert path.endswith(f"ckpt-{UPDATES}")
    reader = tf.train.load_checkpoint(path)
    names = reader.get_variable_to_shape_map()
    return {n: reader.get_tensor(n) for n in sorted(names) if n.startswith(("model", "optimizer"))}


@pytest.fixture(scope="module")
def options(tmp_path_factory, encode):
    """`OPTIONS`, with 12 classes x 6 noisy pictures."""
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for c in range(12):
        (folder / f"class{c:02d}").mkdir()
        template = random.random((8, 8)) < 0.3
        for k in range(6):
            ink = template ^ (random.random((8, 8)) < 0.05)
            file = encode(np.where(ink, 0, 255).astype(np.uint8))
            (folder / f"class{c:02d}" / f"{k}.png").write_bytes(file)
    return [*OPTIONS, f"--data_dir={folder}"]


@pytest.fixture(scope="module")
def one(options, tmp_path_factory):
    """The folder of a run on one device."""
    workdir = tmp_path_factory.mktemp("one") / "run"
    assert train_command.main(["train.py", *options, f"--workdir={workdir}"]) == 0
    return workdir


def assert_same_run(workdir, one):
    """Losses and gradients of all calls, answers to validation episodes, and all that is saved."""
    for name in ("loss", "gradient_norm", "learning_rate"):
        found, wanted = (metrics(place, "train", name) for place in (workdir, one))
        assert list(found) == list(wanted) and list(found)[-1] == UPDATES * BATCH
        np.testing.assert_allclose([*found.values()], [*wanted.values()], rtol=0, atol=1e-5)
    losses = [*metrics(one, "train", "loss").values()]
    assert np.ptp(losses) > 0.02
    assert max(metrics(one, "train", "gradient_norm").values()) > 0.05  # something was clipped
    validated = [metrics(place, "validation", "accuracy") for place in (workdir, one)]
    assert validated[0] == validated[1]
    found, wanted = weights(workdir), weights(one)
    assert found.keys() == wanted.keys() and len(found) > 5
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-4, err_msg=name)


@pytest.mark.slow  # training/test_replication.py has the parts
def test_two_devices_of_one_machine_equal_one(options, one, tmp_path):
    workdir = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "train.py", *options, "--replicas=2", f"--workdir={workdir}"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    assert_same_run(workdir, one)


@pytest.mark.slow  # four processes that wait for each other
def test_two_workers_equal_one_though_one_is_killed(options, one, tmp_path):
    """The chief saves what it has and ends with one line; the same command again goes on.

    The workers read their pictures from files, the one device has them in memory.
    """
    workdir = tmp_path / "run"
    words = [*options, "--read=files", f"--workdir={workdir}"]
    chief, killed = run_workers(["train.py", *words], ["-c", DIES, *words])
    assert killed[0] == -9 and chief[0] == 1, (killed, chief)
    (line,) = chief[2].strip().splitlines()
    assert line.startswith("error: Another worker has ended or cannot be reached (")
    saved = tf.train.latest_checkpoint(str(workdir / "checkpoints"))
    assert int(saved.rpartition("-")[2]) in (20, 23)  # 20: its last message was still on its way
    done = run_workers(["train.py", *words], ["train.py", *words])
    assert [code for code, *_ in done] == [0, 0], done
    assert "Done; the first worker has the run" in done[1][1]
    assert_same_run(workdir, one)


@pytest.mark.slow  # two processes; tests/training/test_cluster.py has the comparison itself
def test_workers_with_different_options_are_refused(options, tmp_path):
    lines = [["train.py", *options, f"--workdir={tmp_path / 'run'}", f"--seed={s}"] for s in (0, 1)]
    for code, _, errors in run_workers(*lines):
        assert code == 1
        (line,) = errors.strip().splitlines()
        assert line.startswith("error: All workers must be given the same options and data")
    assert not (tmp_path / "run").exists()
