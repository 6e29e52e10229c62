"""How much faster than the plain form of the same step: `python -m tests.benchmarks.naive_flmn`.

The plain form is what one writes first: Keras' `LSTMCell` inside a `while_loop`, inputs joined in
the loop, `einsum` reads and writes, gradients through the usage. Both take turns on one core's
worth of work: batch 16, 50 steps, 20 x 20 pictures, 200 units, two memories of 64 x 40.
"""

import statistics
import sys
import time

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.episodes import SequenceEpisode
from oneshot_tf.models.flmn import FLMN, FLMNOptions

BATCH, STEPS, WAY, PIXELS, UNITS, ROWS, WIDTH = 16, 50, 5, 400, 200, 64, 40


class Naive(keras.Model):
    """FLMN's training step by the paper's text (scalar gate, no key strength), plainly written."""

    def __init__(self):
        super().__init__()
        self.cell = keras.layers.LSTMCell(UNITS)
        self.heads = keras.layers.Dense(3 * WIDTH, activation="tanh")
        self.classifier = keras.layers.Dense(WAY)
        self.alpha = tf.Variable(0.0)

    def step(self, inputs, states, read, features, labels, read_w, write_w, usage):
        hidden, states = self.cell(tf.concat([inputs, read], 1), states)
        key, add_feature, add_label = tf.split(self.heads(hidden), 3, axis=1)
        least = tf.one_hot(tf.argmin(usage, 1), ROWS)
        gate = tf.sigmoid(self.alpha)
        now_w = gate * read_w + (1 - gate) * least
        features = features * (1 - least[:, :, None])
        features = features + tf.einsum("bn,bm->bnm", now_w, add_feature)
        labels = labels + tf.einsum("bn,bm->bnm", write_w, add_label)
        rows = tf.math.l2_normalize(features, 2, 1e-12)
        similarity = tf.einsum("bm,bnm->bn", tf.math.l2_normalize(key, 1, 1e-12), rows)
        read_w = tf.nn.softmax(similarity)
        read = tf.einsum("bn,bnm->bm", read_w, labels)
        usage = 0.95 * usage + read_w + now_w
        output = self.classifier(tf.concat([hidden, read], 1))
        return output, (states, read, features, labels, read_w, now_w, usage)

    def call(self, inputs):
        """[B, T, D] -> logits [T, B, way]."""
        first = tf.one_hot(tf.zeros([BATCH], tf.int32), ROWS)
        memory = tf.fill([BATCH, ROWS, WIDTH], 1e-6)
        zeros = [tf.zeros([BATCH, UNITS]), tf.zeros([BATCH, UNITS])]
        state = (zeros, tf.zeros([BATCH, WIDTH]), memory, memory, first, 0.0 * first, first)
        outputs = tf.TensorArray(tf.float32, STEPS)

        def body(t, state, outputs):
            output, state = self.step(inputs[:, t], *state)
            return t + 1, state, outputs.write(t, output)

        loop = tf.while_loop(lambda t, *_: t < STEPS, body, (0, state, outputs))
        return loop[2].stack()


def naive_step(pictures, labels):
    """A compiled forward and backward pass of the plain form."""
    model = Naive()
    shown = tf.one_hot(tf.concat([-tf.ones_like(labels[:, :1]), labels[:, :-1]], 1), WAY)
    inputs = tf.concat([tf.reshape(pictures, [BATCH, STEPS, PIXELS]), shown], 2)
    model.step(inputs[:, 0], *_first(inputs))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = tf.transpose(model(inputs), [1, 0, 2])
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        return loss, tape.gradient(loss, model.trainable_variables)

    return step


def _first(inputs):
    first = tf.one_hot(tf.zeros([BATCH], tf.int32), ROWS)
    memory = tf.zeros([BATCH, ROWS, WIDTH])
    zeros = [tf.zeros([BATCH, UNITS])] * 2
    return zeros, tf.zeros([BATCH, WIDTH]), memory, memory, first, first, first


def our_step(pictures, labels):
    """The same of the package's model."""
    options = FLMNOptions(
        controller="lstm",
        encoder="flat",
        write_gate="scalar",
        key_strength=False,
        least_norm=0.0,
        erase_label=False,
        key="own",
        answer_units=0,
        guess_weight=1.0,
    )
    model = FLMN(options, way=WAY, image_size=20, channels=1)
    episode = SequenceEpisode(pictures, labels, labels)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = model.train_loss(episode)[0]
        return loss, tape.gradient(loss, model.trainable_variables)

    return step


def compare(blocks=7, steps=10):
    """{"naive", "ours"}: median episodes/s over blocks in turns."""
    pictures = tf.random.stateless_uniform([BATCH, STEPS, 20, 20, 1], [0, 0])
    labels = tf.random.stateless_uniform([BATCH, STEPS], [0, 1], 0, WAY, tf.int32)
    forms = {"naive": naive_step(pictures, labels), "ours": our_step(pictures, labels)}
    rates = {name: [] for name in forms}
    for step in forms.values():
        float(step()[0])
    for _ in range(blocks):
        for name, step in forms.items():
            began = time.perf_counter()
            for _ in range(steps):
                float(step()[0])
            rates[name].append(steps * BATCH / (time.perf_counter() - began))
    return {name: statistics.median(values) for name, values in rates.items()}


def main():
    found = compare()
    for name, rate in found.items():
        print(f"{name:>6} {rate:8.1f} episodes/s")
    print(f" ratio {found['ours'] / found['naive']:8.2f}")


if __name__ == "__main__":
    sys.exit(main())
