"""Least Recently Used Access, the cell of MANN (Santoro et al., 2016), section 3.

Equation numbers are those of the arXiv text (17-23).
"""

import math
import typing

import tensorflow as tf

from oneshot_tf.layers.memory_cell import MemoryCell
from oneshot_tf.ops import access, addressing


class LRUAState(typing.NamedTuple):
    """State between two steps: B batch, R heads, N rows, M width.

    Attributes:
      controller: the controller's state.
      reads: [B, R M], r_t of all heads.
      memory: [B, N, M].
      read_weights: [B, R, N].
      write_weights: [B, R, N], kept for figures.
      usage: [B, N].
      keys: [B, R, M], k_t, which `add_vector="previous_key"` writes at the next step.
    """

    controller: typing.Any
    reads: tf.Tensor
    memory: tf.Tensor
    read_weights: tf.Tensor
    write_weights: tf.Tensor
    usage: tf.Tensor
    keys: tf.Tensor


class LRUACell(MemoryCell):
    """One memory, written at the least used rows or where it was just read.

    Args:
      controller: "lstm" or "mlp".
      units: width of the controller.
      rows: N.
      width: M.
      heads: R, read heads; each writes as well.
      usage_decay: gamma of Eq. 20.
      write_gate: "step": alpha of Eq. 22 is linear in the controller's output, one a head (all
        public implementations); "scalar": one learned number a head.
      add_vector: "key": the key is written, Eq. 23 (the paper); "separate": a vector of its own;
        "previous_key": that and k_{t-1}, as the label that arrives at t is that of the picture
        before. A later key of the same class then finds the row.
      shared_rows: true: every head writes to all R least used rows, Eq. 21 as printed; false: head
        i to the i-th least used row.
      key_strength: multiply the cosines by a learned 1 + softplus(.); the paper has none.
      initial_strength: the strength at the start of training.
      least_norm: rows much shorter than this count as empty, of `addressing.cosine`.
      read_after_write: read from M_t (the paper); else from M_{t-1}.
    """

    def __init__(
        self,
        controller,
        units,
        rows,
        width,
        heads,
        *,
        usage_decay,
        write_gate,
        add_vector,
        shared_rows,
        key_strength,
        initial_strength,
        least_norm,
        read_after_write,
        **kwargs,
    ):
        super().__init__(controller, units, **kwargs)
        self.rows, self.width, self.heads = rows, width, heads
        self.usage_decay, self.write_gate = usage_decay, write_gate
        self.add_vector, self.shared_rows = add_vector, shared_rows
        self.key_strength, self.initial_strength = key_strength, initial_strength
        self.least_norm = least_norm
        self.read_after_write = read_after_write
        self.read_width = heads * width
        self.output_width = units + heads * width

    def build(self, input_shape):
        super().build(input_shape)
        added = 0 if self.add_vector == "key" else self.width
        by_step = self.write_gate == "step"
        per_head = [self.width, added, int(self.key_strength), int(by_step)]
        self.sizes = [self.heads * size for size in per_head]
        start = math.log(math.expm1(self.initial_strength - 1.0))
        bias = [0.0] * (self.sizes[0] + self.sizes[1]) + [start] * self.sizes[2]
        self.head_kernel, self.head_bias = self.add_head(
            "head", sum(self.sizes), bias + [0.0] * self.sizes[3]
        )
        if not by_step:
            self.alpha = self.add_weight("alpha", [1, self.heads], initializer="zeros")

    def initial_state(self, batch):
        """An empty memory; reading and use start at the first row, as in public code."""
        first = tf.one_hot(tf.zeros([batch], tf.int32), self.rows)
        return LRUAState(
            controller=self.controller.initial_state(batch),
            reads=tf.zeros([batch, self.read_width]),
            memory=tf.fill([batch, self.rows, self.width], 1e-6),
            read_weights=tf.repeat(first[:, None], self.heads, axis=1),
            write_weights=tf.zeros([batch, self.heads, self.rows]),
            usage=first,
            keys=tf.zeros([batch, self.heads, self.width]),
        )

    def fed_back(self, state):
        return [state.reads]

    def _heads(self, hidden, heads):
        """(keys, add vectors [B, R, M], strength [B, R] or None, alpha [B or 1, R])."""
        head = tf.matmul(hidden, heads.kernel) + heads.bias
        key, add, strength, gate = tf.split(head, self.sizes, axis=1)
        shape = [-1, self.heads, self.width]
        keys = tf.reshape(tf.tanh(key), shape)
        adds = keys if self.add_vector == "key" else tf.reshape(tf.tanh(add), shape)
        strength = 1.0 + tf.nn.softplus(strength) if self.key_strength else None
        return keys, adds, strength, gate if self.write_gate == "step" else heads.alpha

    def step(self, gates, state, heads):
        """gates [B, controller width] -> ([h_t, r_t] [B, U + R M], LRUAState)."""
        controller = self.controller.step(gates, state.controller)
        keys, adds, strength, alpha = self._heads(controller.hidden, heads)
        if self.add_vector == "previous_key":
            adds += state.keys

        unused = addressing.least_used(state.usage, self.heads)  # Eq. 21, [B, R, N]
        targets = unused
        if self.shared_rows:
            targets = tf.repeat(tf.reduce_sum(unused, 1, keepdims=True), self.heads, axis=1)
        write_weights = addressing.lrua_write_weights(  # Eq. 22, [B, R, N]
            tf.sigmoid(alpha), state.read_weights, targets
        )
        memory = access.clear_rows(state.memory, unused[:, 0])  # [B, N, M]
        memory = access.add(memory, write_weights, adds)  # Eq. 23, [B, N, M]
        searched = memory if self.read_after_write else state.memory
        read_weights = addressing.content_weights(  # Eq. 17, 18, [B, R, N]
            keys, searched, strength, self.least_norm
        )
        reads = access.read(searched, read_weights)  # Eq. 19, [B, R, M]
        reads = tf.reshape(reads, [-1, self.read_width])  # [B, R M]
        usage = addressing.update_usage(  # Eq. 20, [B, N]
            state.usage, read_weights, write_weights, self.usage_decay
        )
        state = LRUAState(controller, reads, memory, read_weights, write_weights, usage, keys)
        return tf.concat([controller.hidden, reads], axis=1), state

    def trace(self, state):
        """Weights of a step: read and write [B, R, N], usage [B, 1, N]."""
        return {
            "read": state.read_weights,
            "write": state.write_weights,
            "usage": state.usage[:, None],
        }

    def memory_flops(self):
        # cosine, read and write of every head
        return 3 * 2.0 * self.heads * self.rows * self.width
