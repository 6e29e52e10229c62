"""A small learner of one layer, and what trains it."""

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.episodes import FewShotEpisode
from oneshot_tf.models.base import Learner
from oneshot_tf.options import Options
from oneshot_tf.run_config import TrainOptions
from oneshot_tf.training import loop, optimizers

SIZE = 4


class Small(Learner):
    """Knows nothing of episodes: a linear layer on the pixels of the queries."""

    def __init__(self):
        super().__init__(Options(), way=2, image_size=SIZE, channels=1)
        self.dense = keras.layers.Dense(2, name="dense")
        self.dense.build([None, SIZE * SIZE])

    def call(self, episode, training=False):
        flat = tf.reshape(episode.query, [-1, episode.query.shape[1], SIZE * SIZE])
        return self.dense(flat)

    def train_loss(self, episode):
        logits = self(episode, training=True)
        labels = episode.query_labels
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        right = tf.argmax(logits, axis=2, output_type=tf.int32) == labels
        shown = tf.cast(tf.size(labels), tf.float32)
        return tf.reduce_mean(loss), {
            "right": tf.reduce_sum(tf.cast(right, tf.float32))[None],
            "shown": shown[None],
        }


def sampler(batch, bad_from=None):
    """(first episode) -> episodes that are functions of their number; NaN from one number on."""

    def sample(first):
        numbers = tf.cast(first, tf.int64) + tf.range(batch, dtype=tf.int64)
        pictures = tf.stack(
            [
                tf.random.stateless_uniform([3, SIZE, SIZE, 1], tf.stack([5, numbers[b]]))
                for b in range(batch)
            ]
        )
        labels = tf.cast(tf.reduce_mean(pictures, [2, 3, 4]) > 0.5, tf.int32)
        if bad_from is not None:
            bad = (numbers >= bad_from)[:, None, None, None, None]
            pictures = tf.where(bad, float("nan"), pictures)
        return FewShotEpisode(pictures, labels, pictures, labels)

    return sample


def make(seed=0, bad_from=None, **options):
    """(learner, optimiser, train_steps, options) of a fresh run."""
    options = TrainOptions(**{"batch_size": 4, "episodes": 80, "learning_rate": 0.1, **options})
    keras.utils.set_random_seed(seed)
    learner = Small()
    optimizer = optimizers.make(options)
    optimizer.build(learner.trainable_variables)
    sample = sampler(options.batch_size, bad_from)
    strategy = tf.distribute.get_strategy()
    steps = loop.make_train_steps(learner, optimizer, sample, options, strategy)

    def run(start, num):
        return steps(tf.constant(start, tf.int64), tf.constant(num, tf.int64))

    run.compiled = steps
    return learner, optimizer, run, options
