"""Controllers of a memory: what comes between input and heads.

The product of the input and that of the recurrent part are made outside (`unroll`), the former
for all steps at once; a controller turns their sum into its new state.
"""

import typing

import tensorflow as tf


class LSTMState(typing.NamedTuple):
    """h and c, [B, U] each."""

    hidden: tf.Tensor
    cell: tf.Tensor


class MLPState(typing.NamedTuple):
    """The last hidden layer, [B, U]; it is output only, nothing is fed back."""

    hidden: tf.Tensor


class LSTMController:
    """Hochreiter & Schmidhuber's LSTM with a forget gate; gates in the order i, f, g, o."""

    recurrent = True

    def __init__(self, units):
        self.units = units
        self.width = 4 * units

    def initial_bias(self):
        """[4 U]: zeros but for the forget gate's ones."""
        zeros = tf.zeros([self.units])
        return tf.concat([zeros, tf.ones([self.units]), zeros, zeros], axis=0)

    def initial_state(self, batch):
        zeros = tf.zeros([batch, self.units])
        return LSTMState(zeros, zeros)

    def step(self, gates, state):
        """gates [B, 4 U], LSTMState -> LSTMState."""
        i, f, g, o = tf.split(gates, 4, axis=1)
        cell = tf.sigmoid(f) * state.cell + tf.sigmoid(i) * tf.tanh(g)
        return LSTMState(tf.sigmoid(o) * tf.tanh(cell), cell)


class MLPController:
    """One feed-forward layer of tanh units."""

    recurrent = False

    def __init__(self, units):
        self.units = units
        self.width = units

    def initial_bias(self):
        return tf.zeros([self.units])

    def initial_state(self, batch):
        return MLPState(tf.zeros([batch, self.units]))

    def step(self, gates, state):
        """gates [B, U] -> MLPState; `state` has no say."""
        del state
        return MLPState(tf.tanh(gates))


CONTROLLERS = {"lstm": LSTMController, "mlp": MLPController}
