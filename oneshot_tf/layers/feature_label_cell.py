"""The Feature-Label Memory cell, [FLMN] section 4 (Mureja, Park and Yoo, 2017)."""

import math
import typing

import tensorflow as tf

from oneshot_tf.layers.memory_cell import MemoryCell
from oneshot_tf.ops import access, addressing


class FeatureLabelState(typing.NamedTuple):
    """State between two steps: B batch, N rows, M width.

    Attributes:
      controller: the controller's state.
      read: [B, M], r_t.
      features: [B, N, M], M^f_t.
      labels: [B, N, M], M^l_t.
      read_weights: [B, N], w^r_t.
      write_weights: [B, N], w^wf_t.
      usage: [B, N], w^u_t.
      cleared: [B, N], the feature row zeroed in this step, w^lu_{t-1}.
    """

    controller: typing.Any
    read: tf.Tensor
    features: tf.Tensor
    labels: tf.Tensor
    read_weights: tf.Tensor
    write_weights: tf.Tensor
    usage: tf.Tensor
    cleared: tf.Tensor


class FeatureLabelCell(MemoryCell):
    """Two memories with tied rows: features to look up by, labels to read.

    Args:
      controller: "lstm" (the paper's) or "mlp".
      units: width of the controller; the paper gives none, MANN has 200.
      rows: N, rows of each memory.
      width: M, width of a row.
      usage_decay: gamma of Eq. 4.
      write_gate: "scalar": alpha of Eq. 6 is one learned number (the paper's text); "step": it is
        linear in the controller's output, as in MANN.
      key_strength: multiply the cosines of Eq. 2 by a learned 1 + softplus(.), as NTM's beta;
        without (the paper), a softmax over numbers in [-1, 1] is nearly flat.
      initial_strength: the strength at the start of training.
      least_norm: rows much shorter than this count as empty, of `addressing.cosine`.
      key: "own": the key k_t is a head of its own (the paper); "feature": k_t = a^f_t, the memory is
        searched by the code that is written to it.
      read_after_write: read from M_t, as Eq. 2 says; else from M_{t-1}.
      erase_label: zero a label row one step after its feature row (the paper never does).
    """

    def __init__(
        self,
        controller,
        units,
        rows,
        width,
        *,
        usage_decay,
        write_gate,
        key_strength,
        initial_strength,
        least_norm,
        key,
        read_after_write,
        erase_label,
        **kwargs,
    ):
        super().__init__(controller, units, **kwargs)
        self.rows, self.width = rows, width
        self.usage_decay, self.write_gate = usage_decay, write_gate
        self.key_strength, self.initial_strength = key_strength, initial_strength
        self.least_norm = least_norm
        self.key = key
        self.read_after_write, self.erase_label = read_after_write, erase_label
        self.read_width = width
        self.output_width = units + width

    def build(self, input_shape):
        super().build(input_shape)
        vectors = [self.width if self.key == "own" else 0, self.width, self.width]
        self.sizes = [*vectors, int(self.key_strength), int(self.write_gate == "step")]
        bias = [0.0] * sum(vectors)
        if self.key_strength:
            bias += [math.log(math.expm1(self.initial_strength - 1.0))]
        if self.write_gate == "step":
            bias += [0.0]
        self.head_kernel, self.head_bias = self.add_head("head", sum(self.sizes), bias)
        if self.write_gate == "scalar":
            self.alpha = self.add_weight("alpha", [1, 1], initializer="zeros")

    def initial_state(self, batch):
        """An empty memory; reading and use start at the first row, as in MANN."""
        first = tf.one_hot(tf.zeros([batch], tf.int32), self.rows)
        memory = tf.fill([batch, self.rows, self.width], 1e-6)
        nothing = tf.zeros([batch, self.rows])
        return FeatureLabelState(
            controller=self.controller.initial_state(batch),
            read=tf.zeros([batch, self.width]),
            features=memory,
            labels=memory,
            read_weights=first,
            write_weights=nothing,
            usage=first,
            cleared=nothing,
        )

    def fed_back(self, state):
        return [state.read]

    def step(self, gates, state, heads):
        """One step: gates [B, controller width] -> ([h_t, r_t] [B, U + M], FeatureLabelState)."""
        controller = self.controller.step(gates, state.controller)
        head = tf.matmul(controller.hidden, heads.kernel) + heads.bias
        key, add_feature, add_label, strength, gate = tf.split(head, self.sizes, axis=1)
        add_feature, add_label = tf.tanh(add_feature), tf.tanh(add_label)  # a^f_t, a^l_t, [B, M]
        key = tf.tanh(key) if self.key == "own" else add_feature  # k_t, [B, M]
        strength = 1.0 + tf.nn.softplus(strength) if self.key_strength else None  # [B, 1]
        alpha = gate if self.write_gate == "step" else heads.alpha  # [B, 1] or [1, 1]

        unused = addressing.least_used(state.usage, 1)  # Eq. 5, [B, 1, N]
        write_weights = addressing.lrua_write_weights(  # Eq. 6, [B, 1, N]
            tf.sigmoid(alpha), state.read_weights[:, None], unused
        )
        features = access.clear_rows(state.features, unused[:, 0])  # Eq. 7, [B, N, M]
        features = access.add(features, write_weights, add_feature[:, None])  # Eq. 8, [B, N, M]
        labels = state.labels
        if self.erase_label:
            labels = access.clear_rows(labels, state.cleared)
        label_weights = state.write_weights[:, None]  # Eq. 9, [B, 1, N]: one step late
        labels = access.add(labels, label_weights, add_label[:, None])  # Eq. 10, [B, N, M]
        searched = features if self.read_after_write else state.features
        read_weights = addressing.content_weights(  # Eq. 1, 2, [B, 1, N]
            key[:, None], searched, strength, self.least_norm
        )
        read = access.read(labels, read_weights)[:, 0]  # Eq. 3, [B, M]
        usage = addressing.update_usage(  # Eq. 4, [B, N]
            state.usage, read_weights, write_weights, self.usage_decay
        )
        state = FeatureLabelState(
            controller=controller,
            read=read,
            features=features,
            labels=labels,
            read_weights=read_weights[:, 0],
            write_weights=write_weights[:, 0],
            usage=usage,
            cleared=unused[:, 0],
        )
        return tf.concat([controller.hidden, read], axis=1), state

    def trace(self, state):
        """Weights of a step, [B, 1, N] each."""
        return {
            "read": state.read_weights[:, None],
            "write": state.write_weights[:, None],
            "usage": state.usage[:, None],
        }

    def memory_flops(self):
        # cosine, read and two writes, each N x M multiplications and additions
        return 4 * 2.0 * self.rows * self.width
