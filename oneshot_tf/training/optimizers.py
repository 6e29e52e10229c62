"""Optimisers and learning-rate schedules, from `TrainOptions`."""

import math

import tensorflow as tf
import tf_keras as keras


class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise from 0 over `steps`, then the schedule given."""

    def __init__(self, schedule, steps):
        self.schedule, self.steps = schedule, steps

    def __call__(self, step):
        share = tf.minimum((tf.cast(step, tf.float32) + 1.0) / self.steps, 1.0)
        return share * self.schedule(step)

    def get_config(self):
        return {"schedule": self.schedule, "steps": self.steps}


class Constant(keras.optimizers.schedules.LearningRateSchedule):
    """Always the same rate."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        del step
        return tf.constant(self.rate)

    def get_config(self):
        return {"rate": self.rate}


class Decay(keras.optimizers.schedules.LearningRateSchedule):
    """One rate for `constant` updates; then divided by `factor`, and again after every `every`."""

    def __init__(self, rate, constant, every, factor):
        self.rate, self.constant, self.every, self.factor = rate, constant, every, factor

    def __call__(self, step):
        times = (tf.cast(step, tf.int64) - self.constant) // self.every + 1
        return self.rate * tf.pow(1.0 / self.factor, tf.cast(tf.maximum(times, 0), tf.float32))

    def get_config(self):
        names = ("rate", "constant", "every", "factor")
        return {name: getattr(self, name) for name in names}


def updates(episodes, batch_size):
    """How many updates it takes to see this many episodes."""
    return math.ceil(episodes / batch_size)


def schedule(options):
    """The learning rate by update, as a Keras schedule."""
    schedules = keras.optimizers.schedules
    if options.schedule == "cosine":
        rate = schedules.CosineDecay(
            options.learning_rate, updates(options.episodes, options.batch_size)
        )
    elif options.schedule == "linear":
        whole = updates(options.episodes, options.batch_size)
        rate = schedules.PolynomialDecay(options.learning_rate, whole, end_learning_rate=0.0)
    elif options.schedule == "halve":
        every = updates(options.halve_every, options.batch_size)
        rate = schedules.ExponentialDecay(options.learning_rate, every, 0.5, staircase=True)
    elif options.schedule == "decay":
        spans = (options.decay_from, options.decay_every)
        constant, every = (updates(episodes, options.batch_size) for episodes in spans)
        rate = Decay(options.learning_rate, constant, every, options.decay_by)
    else:
        rate = Constant(options.learning_rate)
    if options.warmup:
        rate = Warmup(rate, updates(options.warmup, options.batch_size))
    return rate


def make(options):
    """The optimiser of `TrainOptions`; clipping is done by the loop, over all replicas."""
    rate = schedule(options)
    if options.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=options.weight_decay, jit_compile=False)
    if options.optimizer == "rmsprop":  # Graves' settings, which the memory papers follow
        return keras.optimizers.RMSprop(rate, rho=0.95, momentum=0.9, jit_compile=False)
    if options.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=options.momentum, jit_compile=False)
    return keras.optimizers.Adam(rate, jit_compile=False)
