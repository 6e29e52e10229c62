"""Two replicas on two halves of the CPU; in a process of its own, since devices are made once."""

import json
import pathlib
import subprocess
import sys

import numpy as np

SCRIPT = """
import json, sys
import numpy as np
import tensorflow as tf
import tf_keras as keras
from oneshot_tf import models, runtime
from oneshot_tf.data.dataset import from_classes
from oneshot_tf.run_config import DataOptions, TrainOptions
from oneshot_tf.sampling import sequence, source
from oneshot_tf.training import loop, optimizers

replicas = int(sys.argv[1])
options = TrainOptions(way=3, shot=2, batch_size=4, replicas=replicas, clip_norm=0.5, learning_rate=0.1, optimizer="sgd")
strategy = runtime.setup(options)
assert strategy.num_replicas_in_sync == replicas
random = np.random.default_rng(0)
classes = {f"c{c}": random.integers(0, 256, (3, 6, 6, 1), np.uint8) for c in range(6)}
population = source.make(from_classes("random", classes), DataOptions(image_size=6), rotations=False, vary=False)
with strategy.scope():
    model = models.find("lstm")
    small = model.Options(hidden_size=8, encoder="flat", execution="while")
    learner = model(small, way=3, image_size=6, channels=1)
    optimizer = optimizers.make(options)
    optimizer.build(learner.trainable_variables)
share = options.batch_size // replicas
sample = sequence.sampler(population, seed=0, stream="train", batch=share, way=3, per_class=2)
train_steps = loop.make_train_steps(learner, optimizer, sample, options, strategy)
result = train_steps(tf.constant(0, tf.int64), tf.constant(3, tf.int64))
numbers = {name: result[name].numpy().tolist() for name in ("loss", "gradient_norm", "right", "shown")}
numbers["weights"] = [w.tolist() for w in learner.get_weights()]
print("RESULT", json.dumps(numbers))
"""


NORM_SCRIPT = """
import json, sys
import numpy as np
import tensorflow as tf
from oneshot_tf import runtime
from oneshot_tf.layers.conv4 import Conv4
from oneshot_tf.run_config import TrainOptions

strategy = runtime.setup(TrainOptions(batch_size=2, replicas=2))
with strategy.scope():
    layer = Conv4(filters=2, blocks=1)
    layer(tf.zeros([1, 4, 4, 1]))

@tf.function
def train():
    def one():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        images = tf.random.stateless_uniform([3, 4, 4, 1], tf.stack([7, replica]))
        return layer(images, training=True)
    return strategy.run(one)

train()
images = [tf.random.stateless_uniform([3, 4, 4, 1], [7, r]) for r in range(2)]
expected = [
    np.mean([tf.nn.moments(tf.nn.conv2d(x, layer.learned[0].kernel, 1, "SAME"), [0, 1, 2])[0] for x in images], 0)
]
tf.train.Checkpoint(layer=layer).write(sys.argv[1])
restored = Conv4(filters=2, blocks=1)
restored(tf.zeros([1, 4, 4, 1]))
tf.train.Checkpoint(layer=restored).read(sys.argv[1]).assert_consumed()
numbers = {
    "expected": [0.02 * float(x) for x in expected[0]],
    "mean": layer.running[0][0].numpy().tolist(),
    "restored": restored.running[0][0].numpy().tolist(),
}
print("RESULT", json.dumps(numbers))
"""


def run(argument, script=SCRIPT):
    done = subprocess.run(
        [sys.executable, "-c", script, str(argument)],
        capture_output=True,
        text=True,
        check=False,
        cwd=pathlib.Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    return json.loads(line.removeprefix("RESULT"))


def test_two_replicas_equal_one_device():
    one, two = run(1), run(2)
    for name in ("right", "shown"):
        assert one[name] == two[name]
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=1e-5)
    for found, wanted in zip(two["weights"], one["weights"], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_running_statistics_are_the_mean_over_the_replicas(tmp_path):
    found = run(tmp_path / "checkpoint", NORM_SCRIPT)
    np.testing.assert_allclose(found["mean"], found["expected"], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found["restored"], found["mean"])
