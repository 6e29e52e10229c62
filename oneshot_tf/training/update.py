"""One update on one replica: its share of the batch, gradients averaged over all replicas."""

import typing

import tensorflow as tf

from oneshot_tf.sampling import pipeline


class Updated(typing.NamedTuple):
    """Numbers of one update, of the whole batch.

    Attributes:
      loss: scalar.
      norm: scalar, of the gradient before it is clipped.
      right: float32 [P], right answers by presentation.
      shown: float32 [P], answers.
      bad: float32 [1 + weights], above 0 where the loss or a weight's gradient is not finite.
    """

    loss: tf.Tensor
    norm: tf.Tensor
    right: tf.Tensor
    shown: tf.Tensor
    bad: tf.Tensor


def make(learner, optimizer, sample, options, replicas):
    """The update of a compiled loop.

    Args:
      learner: a built `Learner`.
      optimizer: its optimiser, built.
      sample: (first episode) -> episodes of one replica's share of a batch.
      options: `TrainOptions`.
      replicas: how many share a batch.

    Returns:
      (number of the update, state, what was read of files) -> (`Updated`, the state after it).
    """
    weights = learner.trainable_variables
    share = options.batch_size // replicas

    def update(number, state, *read):
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
        episode = pipeline.episodes(sample, (number * replicas + replica) * share, read)
        with tf.GradientTape() as tape:
            loss, right, shown, after = learner.train_loss(episode, state)
        # rows of a table, of which one may be there many times, would each count in the norm
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, weights)]
        if replicas > 1:  # one message for all
            own = [gradients, loss, replicas * right, replicas * shown]
            gradients, loss, right, shown = context.all_reduce(tf.distribute.ReduceOp.MEAN, own)
        norm = tf.linalg.global_norm(gradients)
        bad = [~tf.reduce_all(tf.math.is_finite(x)) for x in [loss, *gradients]]
        if options.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, options.clip_norm, norm)
        optimizer.apply_gradients(
            zip(gradients, weights, strict=True), skip_gradients_aggregation=True
        )
        bad = tf.cast(tf.stack(bad), tf.float32)
        return Updated(loss, norm, right, shown, bad), after

    return update
