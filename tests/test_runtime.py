import pytest
import tensorflow as tf

from oneshot_tf import runtime
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import TrainOptions


def test_one_replica_is_the_default_strategy():
    assert runtime.setup(TrainOptions()) is tf.distribute.get_strategy()


def test_the_seed_fixes_weights():
    drawn = []
    for seed in (3, 3, 4):
        runtime.setup(TrainOptions(seed=seed))
        drawn.append(tf.random.normal([3]).numpy().tolist())
    assert drawn[0] == drawn[1] != drawn[2]


def test_replicas_have_to_share_the_batch():
    with pytest.raises(UserError, match="multiple of --replicas. Received: 16 and 3"):
        runtime.setup(TrainOptions(batch_size=16, replicas=3))


def test_devices_are_made_before_tensorflow_runs():
    """Two replicas that do work have a process of their own in `training/test_replication.py`."""
    tf.zeros([1]) + 1.0
    with pytest.raises(UserError, match="--replicas needs a fresh process"):
        runtime.split_cpu(7)
