"""The Neural Turing Machine's cell (Graves, Wayne and Danihelka, 2014), section 3."""

import typing

import tensorflow as tf

from oneshot_tf.layers.memory_cell import MemoryCell
from oneshot_tf.ops import access, addressing


class NTMState(typing.NamedTuple):
    """State between two steps: B batch, R read heads, N rows, M width.

    Attributes:
      controller: the controller's state.
      reads: [B, R M].
      memory: [B, N, M].
      weights: [B, R + 1, N], of the read heads, then of the write head.
    """

    controller: typing.Any
    reads: tf.Tensor
    memory: tf.Tensor
    weights: tf.Tensor


class NTMCell(MemoryCell):
    """Content and location addressing; one write head, R read heads.

    Args:
      controller: "lstm" or "mlp".
      units: width of the controller.
      rows: N.
      width: M.
      heads: R.
      shifts: how far a head may move in a step, either way (the paper: 1).
      read_after_write: read from M_t; else from M_{t-1}, as most public code does. The paper lets
        heads act in parallel and does not say.
    """

    def __init__(
        self, controller, units, rows, width, heads, *, shifts, read_after_write, **kwargs
    ):
        super().__init__(controller, units, **kwargs)
        self.rows, self.width, self.heads = rows, width, heads
        self.shifts, self.read_after_write = shifts, read_after_write
        self.read_width = heads * width
        self.output_width = units + heads * width

    def build(self, input_shape):
        super().build(input_shape)
        total = self.heads + 1
        # key, strength, gate, shift, sharpening of every head; erase and add of the write head
        per_head = [self.width, 1, 1, 2 * self.shifts + 1, 1]
        self.sizes = [total * size for size in per_head] + [self.width, self.width]
        self.head_kernel, self.head_bias = self.add_head("head", sum(self.sizes))
        # Collier and Beel (2018): learned first weights and reads, a constant first memory
        self.first_weights = self.add_weight(
            "first_weights", [1, total, self.rows], initializer="glorot_uniform"
        )
        self.first_reads = self.add_weight(
            "first_reads", [1, self.read_width], initializer="glorot_uniform"
        )

    def initial_state(self, batch):
        """A constant memory of 1e-6; first weights and reads are learned."""
        return NTMState(
            controller=self.controller.initial_state(batch),
            reads=tf.repeat(tf.tanh(self.first_reads), batch, axis=0),
            memory=tf.fill([batch, self.rows, self.width], 1e-6),
            weights=tf.repeat(tf.nn.softmax(self.first_weights), batch, axis=0),
        )

    def fed_back(self, state):
        return [state.reads]

    def step(self, gates, state, heads):
        """gates [B, controller width] -> ([h_t, r_t] [B, U + R M], NTMState)."""
        controller = self.controller.step(gates, state.controller)
        head = tf.matmul(controller.hidden, heads.kernel) + heads.bias
        key, strength, gate, shift, gamma, erase, add = tf.split(head, self.sizes, axis=1)
        total = self.heads + 1
        key = tf.tanh(tf.reshape(key, [-1, total, self.width]))  # [B, R + 1, M]
        shift = tf.nn.softmax(tf.reshape(shift, [-1, total, 2 * self.shifts + 1]))  # [B, R + 1, S]

        beta = tf.nn.softplus(strength)  # [B, R + 1]
        weights = addressing.content_weights(key, state.memory, beta)  # Eq. 5, 6, [B, R + 1, N]
        weights = addressing.interpolate(  # Eq. 7, [B, R + 1, N]
            tf.sigmoid(gate), weights, state.weights
        )
        weights = addressing.shift(weights, shift)  # Eq. 8, [B, R + 1, N]
        weights = addressing.sharpen(weights, 1.0 + tf.nn.softplus(gamma))  # Eq. 9, [B, R + 1, N]
        read_weights, write_weights = weights[:, :-1], weights[:, -1:]  # [B, R, N], [B, 1, N]
        memory = access.erase(  # Eq. 3, [B, N, M]
            state.memory, write_weights, tf.sigmoid(erase)[:, None]
        )
        memory = access.add(memory, write_weights, tf.tanh(add)[:, None])  # Eq. 4, [B, N, M]
        searched = memory if self.read_after_write else state.memory
        reads = access.read(searched, read_weights)  # Eq. 2, [B, R, M]
        reads = tf.reshape(reads, [-1, self.read_width])  # [B, R M]
        state = NTMState(controller, reads, memory, weights)
        return tf.concat([controller.hidden, reads], axis=1), state

    def trace(self, state):
        """Weights of a step: read [B, R, N], write [B, 1, N]."""
        return {"read": state.weights[:, :-1], "write": state.weights[:, -1:]}

    def memory_flops(self):
        # cosine of every head, reads, erase and add
        return 2.0 * (2 * self.heads + 3) * self.rows * self.width
