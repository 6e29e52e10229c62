"""LSTMs on top of each other, with dropout between them but not in time, [Z] Zaremba et al. 2014.

Dimensions: T steps, B rows, U units, M layers.
"""

import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.controllers import LSTMState
from oneshot_tf.layers.plain_cell import PlainCell, PlainState
from oneshot_tf.layers.unroll import unroll
from oneshot_tf.ops import language, shapes


class StackState(typing.NamedTuple):
    """h and c of all layers, [M, B, U] each."""

    hidden: tf.Tensor
    cell: tf.Tensor


class StackedLSTM(keras.layers.Layer):
    """[Z] sections 3.1 and 3.2: h^l_t, c^l_t = LSTM(D(h^{l-1}_t), h^l_{t-1}, c^l_{t-1}).

    Args:
      layers: M.
      units: U; the input is as wide.
      dropout: share of zeros in D, which is on the way up alone.
    """

    def __init__(self, layers, units, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dropout = units, dropout
        self.cells = [PlainCell("lstm", units, name=f"lstm_{i + 1}") for i in range(layers)]

    def build(self, shape):
        del shape
        for cell in self.cells:
            cell.build([None, None, self.units])
        self.built = True

    def initial_state(self, batch):
        """Zeros, a `StackState`."""
        zeros = tf.zeros([len(self.cells), batch, self.units])
        return StackState(zeros, zeros)

    def call(self, inputs, state, noise=None, training=False):
        """Reads T steps.

        Args:
          inputs: [T, B, U].
          state: `StackState`.
          noise: integers [2], the seed of D; None is without.
          training: whether a gradient will be asked for.

        Returns:
          (D(h^M_t) [T, B, U], `StackState` after the last step).
        """
        dims = {"M": len(self.cells), "U": self.units}
        shapes.check(dims, inputs=(inputs, "T B U"), hidden=(state.hidden, "M B U"))
        shapes.check(dims, inputs=(inputs, "T B U"), cell=(state.cell, "M B U"))
        seeds = [None] * (len(self.cells) + 1)
        if noise is not None:
            seeds = tf.unstack(tf.random.experimental.stateless_split(noise, len(seeds), "philox"))
        after = []
        for i, cell in enumerate(self.cells):
            before = PlainState(LSTMState(state.hidden[i], state.cell[i]))
            inputs = language.dropout(inputs, self.dropout, seeds[i])
            run = unroll(cell, inputs, before, deferred=training)
            inputs = run.outputs
            after.append(run.state.controller)
        outputs = language.dropout(inputs, self.dropout, seeds[-1])
        return outputs, StackState(*(tf.stack(parts) for parts in zip(*after, strict=True)))
