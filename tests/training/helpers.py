"""A small run of a real model, with all that trains it."""

import tensorflow as tf

from oneshot_tf.run_config import TrainOptions
from oneshot_tf.sampling import sequence
from oneshot_tf.training import checkpoints, loop, optimizers

BATCH, WAY, SHOT = 4, 3, 2


class Run:
    """Model, optimiser, compiled loop and checkpoints, all fresh; equal options, equal numbers.

    Args:
      make_learner: the fixture.
      population: `source.Source`.
      workdir: where checkpoints go.
      **options: of `TrainOptions`.
    """

    def __init__(self, make_learner, population, workdir, **options):
        sizes = {"batch_size": BATCH, "way": WAY, "shot": SHOT, "optimizer": "adam"}
        self.options = TrainOptions(**{**sizes, **options})
        self.learner = make_learner("lstm")
        self.optimizer = optimizers.make(self.options)
        self.optimizer.build(self.learner.trainable_variables)
        self.sample = sequence.sampler(
            population, seed=0, stream="train", batch=BATCH, way=WAY, per_class=SHOT
        )
        self.checkpoints = checkpoints.Checkpoints(workdir, self.learner, self.optimizer, 3)
        self.train_steps = loop.make_train_steps(
            self.learner, self.optimizer, self.sample, self.options, tf.distribute.get_strategy()
        )

    def step(self, start, num):
        """Updates start .. start + num - 1 in one call."""
        result = self.train_steps(tf.constant(start, tf.int64), tf.constant(num, tf.int64))
        self.checkpoints.updates.assign(start + num)
        return result

    def everything(self):
        """All numbers that a run is made of: weights, and the optimiser's."""
        return [v.numpy() for v in [*self.learner.variables, *self.optimizer.variables]]
