import json

import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.run_config import TrainOptions
from oneshot_tf.training import devices


def test_one_replica_is_the_default_strategy():
    assert devices.setup(TrainOptions()) is tf.distribute.get_strategy()


def test_the_seed_fixes_weights():
    drawn = []
    for seed in (3, 3, 4):
        devices.setup(TrainOptions(seed=seed))
        drawn.append(tf.random.normal([3]).numpy().tolist())
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("asked", [False, True])
def test_operations_are_deterministic_where_that_is_asked_for(monkeypatch, asked):
    calls = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: calls.append("on"))
    devices.setup(TrainOptions(deterministic=asked))
    assert calls == ["on"] * asked


def test_replicas_have_to_share_the_batch():
    with pytest.raises(UserError, match="multiple of --replicas. Received: 16 and 3"):
        devices.setup(TrainOptions(batch_size=16, replicas=3))


@pytest.mark.parametrize(
    ("options", "gpus", "count"),
    [
        ({"strategy": "one"}, 2, 1),
        ({"strategy": "mirrored"}, 2, 2),
        ({"strategy": "mirrored", "replicas": 2}, 4, 2),
        ({"strategy": "mirrored", "replicas": 2}, 0, 2),
        ({"strategy": "multi_worker"}, 0, 3),
        ({"strategy": "multi_worker"}, 2, 6),
        ({"strategy": "multi_worker", "replicas": 3}, 0, 3),
    ],
)
def test_replicas_are_counted(monkeypatch, options, gpus, count):
    workers = {"cluster": {"worker": ["a:1", "b:1", "c:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers))
    options = TrainOptions(**options)
    assert devices.count_replicas(options, options.strategy, gpus) == count


@pytest.mark.parametrize(
    ("options", "gpus", "message"),
    [
        ({"strategy": "one", "replicas": 2}, 2, "--strategy=one has one device; leave out"),
        ({"strategy": "mirrored", "replicas": 3}, 2, "at most the number of GPUs, 2. Received: 3"),
        ({"strategy": "mirrored"}, 0, "needs GPUs, or --replicas=N"),
        ({"strategy": "multi_worker", "replicas": 3}, 0, "TF_CONFIG, 1; leave it out. Received: 3"),
    ],
)
def test_other_numbers_of_replicas_are_refused(monkeypatch, options, gpus, message):
    monkeypatch.setenv(
        "TF_CONFIG", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'
    )
    options = TrainOptions(**options)
    with pytest.raises(UserError, match=message):
        devices.count_replicas(options, options.strategy, gpus)


def test_multi_worker_needs_to_know_the_others(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UserError, match="needs the variable TF_CONFIG"):
        devices.setup(TrainOptions(strategy="multi_worker"))


def test_devices_are_made_before_tensorflow_runs():
    """Two replicas that do work have a process of their own in `training/test_replication.py`."""
    tf.zeros([1]) + 1.0
    with pytest.raises(UserError, match="--replicas needs a fresh process"):
        devices.split_cpu(7)


@pytest.mark.parametrize(
    ("text", "half"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\n", True),
        ("flags\t\t: avx2 amx_bf16 amx_tile\n", True),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni\n", False),
        ("Features\t: fp asimd\n", False),
        (None, False),
    ],
)
def test_bfloat16_is_for_processors_that_multiply_it(tmp_path, monkeypatch, text, half):
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_text(text)
    flags = devices.processor("flags", path)
    monkeypatch.setattr(devices, "processor", lambda field: flags)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert devices.faster_in_half() is half
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    assert not devices.faster_in_half()
