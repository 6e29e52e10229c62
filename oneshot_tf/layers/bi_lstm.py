"""A bi-directional LSTM over a set in some order, the two directions added.

What Keras keeps in `Bidirectional(RNN(LSTMCell))`, through `unroll`: there, the kernels' gradients
are summed up step by step, which for the widths of MM-Net costs more than the convolutions.
"""

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.plain_cell import PlainCell
from oneshot_tf.layers.unroll import unroll
from oneshot_tf.ops import shapes


class BiLSTM(keras.layers.Layer):
    """Two LSTMs, one from the first row to the last, one from the last to the first.

    Args:
      width: D, of a row.
      units: U, of each direction.
    """

    def __init__(self, width, units, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.directions = [PlainCell("lstm", units, name=name) for name in ("forward", "backward")]

    def build(self, shape):
        del shape
        for cell in self.directions:
            cell.build([None, None, self.width])
        self.built = True

    @property
    def learned(self):
        """The weights, a `CellWeights` a direction."""
        return [cell.gate_weights for cell in self.directions]

    def call(self, rows, there, training=False):
        """Reads all rows; see `read`."""
        return self.read(self.learned, rows, there, training)

    def read(self, learned, rows, there, training=False):
        """Reads all rows with any weights.

        Args:
          learned: weights as `learned`.
          rows: [B, S, D].
          there: bool [B, S]; a row that is not there changes no state.
          training: gradients will be asked for.

        Returns:
          The sums over both directions of the outputs at each row, [B, S, U], and of the outputs at
          the last row that a direction reads, [B, U].
        """
        shapes.check({"D": self.width}, rows=(rows, "B S D"), there=(there, "B S"))
        by_place, mask = tf.transpose(rows, [1, 0, 2]), tf.transpose(there)
        outputs, last = 0.0, 0.0
        for i, (cell, backward) in enumerate(zip(self.directions, (False, True), strict=True)):
            inputs, now = [tf.reverse(x, [0]) if backward else x for x in (by_place, mask)]
            start = cell.initial_state(tf.shape(rows)[0])
            run = unroll(cell, inputs, start, mask=now, deferred=training, weights=learned[i])
            outputs += tf.reverse(run.outputs, [0]) if backward else run.outputs
            last += run.state.controller.hidden
        return tf.transpose(outputs, [1, 0, 2]), last
