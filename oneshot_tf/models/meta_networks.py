"""Meta Networks (Munkhdalai and Yu, 2017): fast weights of a task and of each picture.

Algorithm 1. A network of keys u sees the support in parts; d makes its fast weights Q* of the gradients.
Each support picture's gradient of the base network b becomes fast weights W*_i by m, which a memory
keeps under the picture's key. A query reads its own W* by its key, and b answers with W and W*. The
gradients count as constants.
"""

import dataclasses
import math
import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.errors import UserError
from oneshot_tf.layers.plain_net import PlainNet, PlainWeights
from oneshot_tf.models.task_learner import TaskLearner, cross_entropy, of_support
from oneshot_tf.ops import adaptation, meta_lstm, meta_networks
from oneshot_tf.options import Options, option


@dataclasses.dataclass(frozen=True)
class MetaNetworksOptions(Options):
    """Options of Meta Networks."""

    filters: int = option(
        32, "filters of each convolution, and features (the paper on Omniglot: 64)", low=1
    )
    blocks: int = option(5, "convolution blocks; each halves the picture, rounding up", low=1)
    parts: int = option(5, "parts of the support that give a gradient of the keys' network", low=1)
    hidden_size: int = option(20, "units of the networks that make fast weights", low=1)
    fast_blocks: int | None = option(
        None,
        "blocks, the last so many, with fast weights (default: all, as the paper on Omniglot)",
        low=1,
    )
    fast_scale: str = option(
        "inputs",
        "fast kernels of convolutions as they are made (one: the paper), or divided by how many "
        "inputs they add up, so that they stay alive",
        choices=("inputs", "one"),
    )


class Learned(typing.NamedTuple):
    """What is learned across tasks; makers of fast weights are (of convolutions, of dense layers).

    Attributes:
      base: `PlainWeights`, W.
      keys: `PlainWeights`, Q.
      of_picture: a pair of `PerceptronWeights`, Z.
      of_task: a pair of `RecurrentWeights`, G.
    """

    base: PlainWeights
    keys: PlainWeights
    of_picture: tuple
    of_task: tuple


class MetaNetworks(TaskLearner):
    """Gradients become fast weights."""

    Options = MetaNetworksOptions
    defaults = {
        **TaskLearner.defaults,
        "queries": 10,
        "batch_size": 1,
        "clip_norm": 10.0,
    }

    def __init__(self, options, **kwargs):
        super().__init__(options, **kwargs)
        if (options.fast_blocks or 0) > options.blocks:
            raise UserError(
                f"--fast_blocks must be at most --blocks={options.blocks}. "
                f"Received: {options.fast_blocks}"
            )
        shape, sizes = tf.TensorShape([None, *self.image_shape]), (options.filters, options.blocks)
        self.base = PlainNet(self.way, *sizes, name="base")
        # its last layer serves the gradients alone, which count as constants: it stays as it begins
        self.keys = PlainNet(self.way, *sizes, relu=False, learns_last=False, name="keys")
        for net in (self.base, self.keys):
            net.build(shape)
        self.of_picture = tuple(self._perceptron(part) for part in ("conv", "dense"))
        self.of_task = tuple(self._recurrence(part) for part in ("conv", "dense"))
        self.built = True

    def _perceptron(self, part):
        sizes = [2, self.options.hidden_size, self.options.hidden_size, 1]
        named, (last, above) = f"picture_{part}", self._starts(part)
        starts, biases = ["glorot_uniform", "glorot_uniform", last], ["zeros", "zeros", above]
        return meta_networks.PerceptronWeights(
            [
                self.add_weight(f"{named}_kernel_{i}", sizes[i : i + 2], initializer=starts[i])
                for i in range(3)
            ],
            [
                self.add_weight(f"{named}_bias_{i}", [sizes[i + 1]], initializer=biases[i])
                for i in range(3)
            ],
        )

    def _recurrence(self, part):
        units, named, (last, above) = self.options.hidden_size, f"task_{part}", self._starts(part)
        first = meta_lstm.LSTMWeights(
            self.add_weight(f"{named}_lstm_kernel", [2 + units, 4 * units]),
            self.add_weight(f"{named}_lstm_bias", [4 * units], initializer="zeros"),
        )
        return meta_networks.RecurrentWeights(
            first,
            self.add_weight(f"{named}_kernel", [units, 1], initializer=last),
            self.add_weight(f"{named}_bias", [1], initializer=above),
        )

    def _starts(self, part):
        """Initializers of a maker's last kernel and its bias, of convolutions or of dense layers.

        Gradients of most coordinates look alike, and so do the fast weights that are made of them. A
        convolution adds hundreds, so they have to begin far below the slow ones; and above zero, or its
        ReLU would let nothing of them through, and they would never learn. As small as that without
        `fast_scale`, they are taken below zero by one step of Adam.
        """
        scaled = part == "conv" and self.options.fast_scale == "inputs"
        width, above = (0.3, 0.5) if scaled else (5e-4, 1e-3)
        return keras.initializers.RandomUniform(-width, width), keras.initializers.Constant(above)

    def own(self):
        picture = tuple(
            meta_networks.PerceptronWeights(list(m.kernels), list(m.biases))
            for m in self.of_picture
        )
        return Learned(self.base.own, self.keys.own, picture, tuple(self.of_task))

    def solve(self, own, task, training):
        fast_keys = self.fast_of_task(own, task)
        keys, queries = (
            self.keys.features(own.keys, images, fast_keys) for images in (task.support, task.query)
        )
        fast = [
            meta_networks.read(memory, keys, queries) for memory in self.fast_of_pictures(own, task)
        ]
        fast = self.scaled(parted(self.fast_part(own.base), fast))
        logits = self.base.logits(own.base, task.query, fast)
        return cross_entropy(logits, task.query_labels), logits, ()

    def fast_of_task(self, own, task):
        """Q*, `PlainWeights` of the network of keys, [NET] Eq. 2 and 3."""
        count = tf.shape(task.support)[0]
        parts = tf.minimum(self.options.parts, count)
        adapts = self.fast_part(own.keys)

        def gradient(t):
            part = of_support(task, tf.range(t * count // parts, (t + 1) * count // parts))

            def loss(values):
                weights = with_part(own.keys, tf.nest.pack_sequence_as(adapts, values))
                return cross_entropy(self.keys.logits(weights, part.support), part.labels)

            found = adaptation.gradients(loss, constants(adapts))[1]
            return rows_of(tf.nest.pack_sequence_as(adapts, found))

        spec = [tf.TensorSpec([size], tf.float32) for size in sizes_of(adapts)]
        gradients = tf.map_fn(
            gradient, tf.range(parts), fn_output_signature=spec, parallel_iterations=1
        )
        made = [
            meta_networks.by_recurrence(weights, tf.stop_gradient(g))
            for weights, g in zip(own.of_task, gradients, strict=True)
        ]
        fast = self.scaled(parted(adapts, [row[None] for row in made]))
        return tf.nest.map_structure(lambda value: value[0], fast)

    def fast_of_pictures(self, own, task):
        """The memory: ([S, n of convolutions], [S, n of dense layers]), [NET] Eq. 4 and 5."""
        count = tf.shape(task.support)[0]
        adapts = self.fast_part(own.base)

        def loss(values):  # weights of each picture's own give each picture's gradient
            weights = with_part(own.base, tf.nest.pack_sequence_as(adapts, values))
            logits = self.base.logits(weights, task.support)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(task.labels, logits)
            return tf.reduce_sum(losses)

        each = [tf.repeat(v[None], count, axis=0) for v in constants(adapts)]
        found = tf.nest.pack_sequence_as(adapts, adaptation.gradients(loss, each)[1])
        made = []
        for weights, gradient in zip(own.of_picture, rows_of(found, 1), strict=True):
            fast = meta_networks.by_perceptron(weights, tf.reshape(gradient, [-1]))
            made.append(tf.reshape(fast, tf.shape(gradient)))
        return made

    def fast_part(self, weights):
        """The `PlainWeights` that have fast ones beside them: `fast_blocks`, and the dense layers."""
        first = self.options.blocks - (self.options.fast_blocks or self.options.blocks)
        return weights._replace(kernels=weights.kernels[first:])

    def scaled(self, fast):
        """Fast weights, `PlainWeights` with a leading axis, as `fast_scale` says."""
        if self.options.fast_scale == "one":
            return fast
        return fast._replace(kernels=[k / math.prod(k.shape[1:-1]) for k in fast.kernels])

    def flops_per_episode(self, steps):
        """Three times the convolutions' forward pass, of `steps` pictures, in both networks."""
        return 3.0 * steps * (self.base.flops() + self.keys.flops())


def with_part(weights, part):
    """`PlainWeights` with a part as of `fast_part` in the place of its own; the rest is constant."""
    rest = weights.kernels[: len(weights.kernels) - len(part.kernels)]
    return part._replace(kernels=[*constants(rest), *part.kernels])


def constants(structure):
    """The flat list of a structure's tensors, cut off from what they depend on."""
    return [tf.stop_gradient(v) for v in tf.nest.flatten(structure)]


def sizes_of(weights):
    """How many numbers there are in (the convolutions, the dense layers)."""
    kernels = sum(kernel.shape.num_elements() for kernel in weights.kernels)
    return kernels, weights.dense.shape.num_elements() + weights.last.shape.num_elements()


def rows_of(weights, axes=0):
    """[convolutions [..., n], dense layers [..., n]] of `PlainWeights`; `axes`: how many lead."""
    found = []
    for group in (weights.kernels, [weights.dense, weights.last]):
        flat = [tf.reshape(v, tf.concat([tf.shape(v)[:axes], [-1]], 0)) for v in group]
        found.append(tf.concat(flat, axis=axes))
    return found


def parted(like, rows):
    """`PlainWeights` with a leading axis, of rows as of `rows_of` [N, n]; `like` has the shapes."""
    groups = []
    for row, group in zip(rows, (like.kernels, [like.dense, like.last]), strict=True):
        pieces = tf.split(row, [v.shape.num_elements() for v in group], axis=1)
        groups.append([tf.reshape(p, [-1, *v.shape]) for p, v in zip(pieces, group, strict=True)])
    return PlainWeights(groups[0], *groups[1])
