"""MM-Net: Memory Matching Network (Cai et al., 2018).

The support set is written into a key-value memory. Its pictures are embedded with what they read
back (g, Eq. 6); for the queries the last convolution is predicted from the memory (f, Eq. 7 and 8).
Trained with way and shot drawn per batch, one model serves any (`--way=5:20 --shot=1:5`).
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.conv4 import Conv4
from oneshot_tf.layers.hypernetwork import ContextualLearner, PredictedConv
from oneshot_tf.models.few_shot_learner import (
    EmbeddingOptions,
    FewShotLearner,
)
from oneshot_tf.ops import key_value, losses, matching
from oneshot_tf.options import option

MOST_ROWS = 128  # where the number of rows follows the support


@dataclasses.dataclass(frozen=True)
class MMNetOptions(EmbeddingOptions):
    """Where the paper and the default differ, the help says which value is the paper's."""

    encoder: str = option("conv4", "the paper's embedding of pictures", choices=("conv4",))
    bn: str = option("running", "batch norm at test: running statistics", choices=("running",))
    blocks: int = option(4, "convolution blocks, the predicted one included", low=2, high=6)
    last_relu: bool = option(
        False, "the last block ends in a ReLU (the paper's CNN)", search=[False, True]
    )
    key_width: int = option(512, "width of a memory key, D_m (paper: 512)", low=1)
    hidden_size: int = option(
        512, "units of the contextual learner, D_r (paper: 512)", low=1, search=[128, 256, 512]
    )
    rows: int = option(
        0,
        f"rows of the memory (0: as many as support pictures, up to {MOST_ROWS}; not in the paper)",
        low=0,
        formerly="slots",
    )
    normalize_keys: bool = option(
        True, "a new slot's key gets length 1 as an updated one does (paper: false)",
        search=[False, True],
    )  # fmt: skip
    share_trunk: bool = option(
        True, "f and g share all blocks but the last (the paper does not say)", search=[False, True]
    )
    read_memory: bool = option(
        True, "g reads the memory (paper: true; false is an ablation)", search=[False, True]
    )
    predict: bool = option(
        True, "f's last filters are predicted (paper: true; false is an ablation)",
        search=[False, True],
    )  # fmt: skip
    static_conv: bool = option(
        True, "f's last convolution is g's plus the predicted one (paper: false, that one alone)",
        search=[False, True],
    )  # fmt: skip
    predicted_norm: str = option(
        "running",
        "behind the predicted filters: batch norm, or each picture by itself (the paper is silent)",
        choices=("running", "picture"),
        search=["running", "picture"],
    )
    similarity: str = option(
        "cosine", "of f and g: dot (paper) or cosine", choices=("dot", "cosine"),
        search=["dot", "cosine"],
    )  # fmt: skip
    scale: float = option(
        10.0, "factor of the similarity, learned from here (paper: none)", low=0.001
    )
    learn_scale: bool = option(True, "the factor is learned (the paper has none)")
    loss_of: str = option(
        "class",
        "softmax over support samples, summed over those of the class (sample: the paper's Eq. 9), "
        "or the class's summed probability",
        choices=("sample", "class"),
        search=["sample", "class"],
    )
    vote: str = option(
        "class_sum",
        "the answer: the nearest sample's class (nearest: the paper), or the largest summed "
        "probability",
        choices=("nearest", "class_sum"),
    )


class MMNet(FewShotLearner):
    """A memory between support and queries."""

    Options = MMNetOptions
    alone = True
    adds_up = True
    reads = ("pictures", "sentences")  # of sentences the memory; they have no filters to predict
    takes_backbone = False  # its last convolution is predicted
    finetune_matches = ()  # its filters follow the support as it is
    defaults = {**FewShotLearner.defaults, "way": 20, "way_from": 5, "batch_size": 4}

    def make_embedding(self, options):
        """All blocks but the last, [n, H, W, C] -> [n, h w F]; of sentences, the whole encoder."""
        if self.vocabulary:
            return super().make_embedding(options)
        name = "conv4"
        return Conv4(
            options.filters, options.blocks - 1, True, options.conv_bias, self.precision, name=name
        )

    def build_weights(self):
        options = self.options
        self.predicts = options.predict and not self.vocabulary
        self.depth = self.width
        if not self.vocabulary:
            side = self.image_shape[0] >> (options.blocks - 1)
            self.map_shape = [side, side, options.filters]
            self.last_block = Conv4(
                options.filters,
                1,
                options.last_relu,
                options.conv_bias,
                self.precision,
                name="last",
            )
            self.depth = self.last_block(tf.zeros([1, *self.map_shape])).shape[-1]
        if not options.share_trunk:
            self.support_embedding = self.make_embedding(options)
            self.support_embedding(self.blank())
        if options.read_memory or self.predicts:
            self.to_key = self._linear(self.depth, options.key_width, "to_key")  # T_z
        if options.read_memory:
            # T_c; from zero, so that training begins with a matching network
            self.from_memory = self._linear(
                options.key_width, self.depth, "from_memory", start="zeros"
            )
        if self.predicts:
            self.predicted = PredictedConv(
                options.filters,
                options.static_conv,
                options.predicted_norm,
                options.last_relu,
                name="predicted",
            )
            self.predicted.build([None, *self.map_shape])
            self.contextual = ContextualLearner(
                options.key_width, options.hidden_size, self.predicted.num_predicted, name="context"
            )
            self.contextual.build(None)
        self.add_scale()

    def _linear(self, inputs, outputs, name, start="glorot_uniform"):
        layer = keras.layers.Dense(outputs, use_bias=False, kernel_initializer=start, name=name)
        layer.build([None, inputs])
        return layer

    @property
    def aggregate(self):
        return "nearest" if self.options.vote == "nearest" else "sum"

    def similarities(self, support, labels, query, training=False):
        """P(y_n | x, S) of every query and support picture, Eq. 2: [B, Q, S].

        Support and query are what the shared blocks give, [B, S or Q, h w F].
        """
        g, f = self.in_context(support, labels, query, training)
        return self.scale * matching.similarity(f, g, self.options.similarity)

    def in_context(self, support, labels, query, training=False):
        """(g(x_n) [B, S, Dz], Eq. 6, f(x | M) [B, Q, Dz]) of what the shared blocks give."""
        known = self._apply_last(support, training)
        memory, keys = self.memorise(known, labels)
        g = known
        if self.options.read_memory:
            g = self.from_memory(key_value.read(memory, keys)) + known
        return g, self.embed_queries(query, memory, training)

    def memorise(self, known, labels):
        """(memory after the whole support, keys z^k [B, S, D]), Eq. 3 and 4; (None, None) without."""
        if not (self.options.read_memory or self.predicts):
            return None, None
        keys = self.to_key(known)
        return self._write(keys, labels), keys

    def _write(self, keys, labels):
        rows = self.options.rows or tf.minimum(tf.shape(labels)[1], MOST_ROWS)
        return key_value.write_all(keys, labels, rows, self.options.normalize_keys)

    def embed_queries(self, query, memory, training):
        """f(x | M), [B, Q, Dz]."""
        if not self.predicts:
            return self._apply_last(query, training)
        memory = key_value.trim(memory)  # in training most slots stay empty
        used = key_value.in_use(memory)
        filters = self.contextual(memory.keys, used, training=training)  # Eq. 7 and 8
        maps = tf.reshape(query, tf.concat([tf.shape(query)[:2], self.map_shape], axis=0))
        beside = None
        if self.options.static_conv:
            flat = tf.reshape(query, [-1, *self.map_shape])
            beside = self.last_block.convolve(flat, self.last_block.learned[0])
        out = self.predicted(maps, filters, beside, training=training)
        return tf.reshape(out, [tf.shape(query)[0], tf.shape(query)[1], self.depth])

    def _apply_last(self, features, training):
        """[B, N, h w F] -> z [B, N, Dz], the last block of g; sentences have none."""
        if self.vocabulary:
            return features
        flat = self.last_block(tf.reshape(features, [-1, *self.map_shape]), training=training)
        return tf.reshape(flat, [tf.shape(features)[0], tf.shape(features)[1], self.depth])

    def train_loss(self, episode, state=()):
        support, query = self.embed_episode(episode, True)
        labels = episode.support_labels
        scores = self.similarities(support, labels, query, training=True)
        way = matching.way_of(labels)
        by_class = matching.class_log_probabilities(scores, labels, way)
        if self.options.loss_of == "sample":
            loss = matching.sample_loss(scores, labels, episode.query_labels)
        else:
            loss = losses.cross_entropy(by_class, episode.query_labels)
        answers = by_class
        if self.aggregate != "sum":
            answers = matching.class_log_probabilities(scores, labels, way, self.aggregate)
        return self.outcome(loss, answers, episode)

    def embed(self, images):
        """z: what g gives before the memory is read, [N, Dz]."""
        return self._apply_last(self.support_embedding(images)[None], False)[0]

    def timed_parts(self, episode):
        """ "write": Eq. 3's keys into the memory, and back."""
        if not (self.options.read_memory or self.predicts):
            return {}
        labels = episode.support_labels
        shape = [*labels.shape, self.options.key_width]
        keys = tf.random.stateless_normal(shape, [0, 0])

        def write(noise):
            moved = keys + noise
            with tf.GradientTape() as tape:
                tape.watch(moved)
                memory = self._write(moved, labels)
                total = tf.reduce_sum(memory.keys * tf.range(1.0, shape[2] + 1.0))
            return tf.reduce_sum(tape.gradient(total, moved))

        return {"write": write}

    def flops_per_episode(self, steps):
        """The convolutions of all pictures; the memory is not counted."""
        last = 0.0 if self.vocabulary else self.last_block.flops()
        return 3.0 * steps * (self.embedding.flops() + last)
