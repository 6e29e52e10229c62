"""What all recurrent cells share: a controller, its weights, and the contract with `unroll`."""

import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.controllers import CONTROLLERS


class CellWeights(typing.NamedTuple):
    """The weights behind a controller's gates: D inputs, R recurrent ones, W gates.

    Attributes:
      kernel: [D, W].
      bias: [W].
      recurrent_kernel: [R, W], or None where nothing is fed back.
    """

    kernel: tf.Tensor
    bias: tf.Tensor
    recurrent_kernel: tf.Tensor | None


class HeadWeights(typing.NamedTuple):
    """What a step needs beside the gates, of a cell with U units.

    Attributes:
      kernel: [U, W] of the heads.
      bias: [W].
      alpha: [1, H], a write gate that is one learned number; None where it is a head.
    """

    kernel: tf.Tensor
    bias: tf.Tensor
    alpha: tf.Tensor | None


class MemoryCell(keras.layers.Layer):
    """A recurrent cell whose time loop is `unroll`.

    One step is `step(gates, state, heads) -> (output, state)`, where
    `gates = inputs[t] @ kernel + bias + recurrent_inputs(state) @ recurrent_kernel`. The first product
    does not depend on the state, so it is made for all steps at once.

    Subclasses give `read_width`, `initial_state`, `fed_back`, `step` and, for figures,
    `trace`.
    """

    read_width = 0  # width of what is read from memory and fed back
    output_width = 0  # width of what a step gives
    head_kernel = head_bias = alpha = None

    def __init__(self, controller, units, **kwargs):
        super().__init__(**kwargs)
        self.controller = CONTROLLERS[controller](units)

    def build(self, input_shape):
        """input_shape: [T, B, D]."""
        width, bias = self.controller.width, self.controller.initial_bias()
        self.kernel = self.add_weight(
            "kernel", [input_shape[-1], width], initializer="glorot_uniform"
        )
        self.bias = self.add_weight("bias", [width], initializer=lambda *_, **__: bias)
        rows = self.read_width + (self.controller.units if self.controller.recurrent else 0)
        initializer = "orthogonal" if self.controller.recurrent else "glorot_uniform"
        self.recurrent_kernel = None
        if rows:
            self.recurrent_kernel = self.add_weight(
                "recurrent_kernel", [rows, width], initializer=initializer
            )
        self.built = True

    def add_head(self, name, width, bias=None):
        """Kernel and bias of a head, [U, width] and [width]: linear in the controller's output."""
        kernel = self.add_weight(
            f"{name}_kernel", [self.controller.units, width], initializer="glorot_uniform"
        )
        start = tf.zeros([width]) if bias is None else tf.cast(bias, tf.float32)
        return kernel, self.add_weight(f"{name}_bias", [width], initializer=lambda *_, **__: start)

    @property
    def gate_weights(self):
        """Its own `CellWeights`."""
        return CellWeights(self.kernel, self.bias, self.recurrent_kernel)

    def read_heads(self):
        """`HeadWeights`, read once for many steps; None of a cell without heads.

        A weight that is read inside a loop is kept anew at every step, for the gradient.
        """
        if self.head_kernel is None:
            return None
        alpha = None if self.alpha is None else tf.convert_to_tensor(self.alpha)
        kernel, bias = (tf.convert_to_tensor(w) for w in (self.head_kernel, self.head_bias))
        return HeadWeights(kernel, bias, alpha)

    def recurrent_inputs(self, state):
        """[B, read width + U]: what is read and, of a recurrent controller, its output."""
        parts = self.fed_back(state)
        if self.controller.recurrent:
            parts = [*parts, state.controller.hidden]
        return tf.concat(parts, axis=1)

    def fed_back(self, state):
        """List of [B, .]: what the last step read, to be fed to the controller."""
        raise NotImplementedError

    def initial_state(self, batch):
        raise NotImplementedError

    def step(self, gates, state, heads):
        """One step.

        Args:
          gates: [B, W], see above.
          state: the cell's state.
          heads: of `read_heads`.

        Returns:
          (output [B, output width], the new state).
        """
        raise NotImplementedError

    def trace(self, state):
        """{name: [B, rows, N]} weights of a step, for figures."""
        del state
        return {}

    def flops(self):
        """Operations of the matrix products of a step, for one episode; element-wise work is left out."""
        products = [w for w in self.weights if w.name.split(":")[0].endswith("kernel")]
        return sum(2.0 * w.shape[0] * w.shape[1] for w in products) + self.memory_flops()

    def memory_flops(self):
        """Operations of addressing, reading and writing in a step, for one episode."""
        return 0.0
