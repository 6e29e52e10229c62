"""Full-context embeddings, [MN] appendix A: each embedding sees the whole support set.

Dimensions: B episodes, S support pictures, Q queries, D features.
"""

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.bi_lstm import BiLSTM
from oneshot_tf.layers.controllers import LSTMController, LSTMState
from oneshot_tf.layers.memory_cell import CellWeights
from oneshot_tf.ops import matching, shapes


class SupportContext(keras.layers.Layer):
    """g(x_i, S) = forward h_i + backward h_i + g'(x_i), [MN] A.2: a bi-LSTM over the support.

    The result depends on the order of the support.

    Args:
      width: D, features of g' and units of each direction.
    """

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.lstm = BiLSTM(width, width, name="bi_lstm")

    def build(self, shape):
        del shape
        self.lstm.build(None)
        self.built = True

    @property
    def learned(self):
        """The weights, as `BiLSTM.learned`."""
        return self.lstm.learned

    def call(self, support, there, training=False):
        """support g' [B, S, D], there bool [B, S] -> g [B, S, D]; padding is passed over."""
        return self.embed(self.learned, support, there, training)

    def embed(self, learned, support, there, training=False):
        """As `call`, with any weights."""
        shapes.check({"D": self.width}, support=(support, "B S D"), there=(there, "B S"))
        return support + self.lstm.read(learned, support, there, training)[0]


class QueryContext(keras.layers.Layer):
    """f(x, S) = attLSTM(f'(x), g(S), K), [MN] A.1.

    Args:
      width: D.
      steps: K, how often the support set is read; 0 leaves f' as it is.
    """

    def __init__(self, width, steps, **kwargs):
        super().__init__(**kwargs)
        self.width, self.steps = width, steps
        # [h, r] is the recurrent state of Eq. 3. Gates are linear in it, so r may as well come in
        # beside the input: a stock cell with input [f', r] and state h has the paper's weights.
        self.cell = keras.layers.LSTMCell(width, name="att_lstm") if steps else None

    def build(self, shape):
        del shape
        if self.cell is not None:
            self.cell.build([None, 2 * self.width])
        self.built = True

    @property
    def learned(self):
        """The weights, `CellWeights` with gates in the order i, f, g, o; None without steps."""
        if self.cell is None:
            return None
        return CellWeights(self.cell.kernel, self.cell.bias, self.cell.recurrent_kernel)

    def call(self, query, support, there):
        """query f' [B, Q, D], support g [B, S, D], there bool [B, S] -> f [B, Q, D]."""
        return self.embed(self.learned, query, support, there)

    def embed(self, learned, query, support, there):
        """As `call`, with any weights."""
        shapes.check(
            {"D": self.width}, query=(query, "B Q D"), support=(support, "B S D"),
            there=(there, "B S"),
        )  # fmt: skip
        shape = tf.shape(query)
        inputs = tf.reshape(query, [-1, self.width])
        lstm = LSTMController(self.width)
        state = LSTMState(hidden=inputs, cell=tf.zeros_like(inputs))  # h_0 = f', c_0 = 0
        for _ in range(self.steps):
            read = matching.attend(tf.reshape(state.hidden, shape), support, there)  # Eq. 5
            read = tf.reshape(read, [-1, self.width])  # r_{k-1} [B Q, D]
            gates = tf.matmul(tf.concat([inputs, read], axis=1), learned.kernel)
            gates += tf.matmul(state.hidden, learned.recurrent_kernel)
            state = lstm.step(tf.nn.bias_add(gates, learned.bias), state)  # Eq. 3
            state = state._replace(hidden=state.hidden + inputs)  # Eq. 4
        return tf.reshape(state.hidden, shape)
