"""Matching Networks (Vinyals et al., 2016), with and without full-context embeddings.

    P(y | x, S) = sum_i a(x, x_i) y_i        a: softmax of the cosine of f(x) and g(x_i)      Eq. 1

The paper's model is `--scale=1 --nolearn_scale`: its attention on five pictures can give the right
one 0.65 at most (0.40 on features that a last ReLU leaves non-negative), and the loss never ends.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.errors import UserError
from oneshot_tf.layers.context import QueryContext, SupportContext
from oneshot_tf.models.few_shot_learner import EmbeddingOptions, FewShotLearner
from oneshot_tf.ops import matching
from oneshot_tf.options import option

ORDER_SEED = 20161  # of the shuffles that are averaged at test


@dataclasses.dataclass(frozen=True)
class MatchingOptions(EmbeddingOptions):
    """Options of Matching Networks."""

    last_relu: bool = option(
        False, "the last block ends in a ReLU (the paper's text)", search=[False, True]
    )
    kernel: str = option(
        "cosine", "similarity of f(x) and g(x_i); the paper's is cosine", choices=matching.KERNELS
    )
    normalize: str = option(
        "both",
        "cosine: both sides are normalised (the paper), or the support alone",
        choices=("both", "support"),
    )
    scale: float = option(
        10.0,
        "factor of the similarity, at the start (the paper: 1)",
        low=0.001,
        search=(1.0, 30.0, "log"),
    )
    learn_scale: bool = option(True, "the factor is learned (the paper has none)")
    shared: bool = option(True, "f and g are one network (the paper: potentially)")
    fce: bool = option(False, "full-context embeddings: f and g see the whole support set")
    steps: int = option(5, "fce: how often a query reads the support (K; the paper does not say)")
    orders: int = option(
        1, "fce, at test: mean of g over so many orders of the support (the paper: 1)", low=1
    )
    fce_width: int = option(
        0, "fce: embeddings are first projected to this width (the paper: 0, not)", low=0
    )


class Matching(FewShotLearner):
    """Attention of each query over the support set."""

    Options = MatchingOptions
    alone = True
    adds_up = True
    reads = ("pictures", "sentences")
    test_options = ("bn", "orders")

    def build_weights(self):
        options = self.options
        if options.orders > 1 and not options.fce:
            raise UserError("--orders needs a run with --fce; without, no order matters")
        if options.bn == "support" and not options.shared:
            raise UserError(
                "--bn=support needs --shared: no support picture passes through the queries' network"
            )
        if not options.shared:
            self.support_embedding = self.make_embedding(options)
            self.support_embedding(self.blank())
        self.add_scale()
        width = self.width
        if options.fce:
            width = options.fce_width or self.width
            if options.fce_width:
                self.projection = keras.layers.Dense(width, use_bias=False, name="projection")
                self.projection.build([None, self.width])
            self.support_context = SupportContext(width, name="support_context")
            self.query_context = QueryContext(width, options.steps, name="query_context")
            self.support_context.build(None)
            self.query_context.build(None)
        if options.kernel == "bilinear":
            self.bilinear = self.add_weight(
                "bilinear", [width, width], initializer=keras.initializers.Identity()
            )

    def test_conditions(self):
        orders = self.options.orders
        return super().test_conditions() | ({"orders": orders} if orders > 1 else {})

    def similarities(self, support, labels, query, training=False):
        support, query = self.in_context(support, labels, query, training)
        weights = self.bilinear if self.options.kernel == "bilinear" else None
        return self.scale * matching.similarity(
            query, support, self.options.kernel, weights, self.options.normalize
        )

    def in_context(self, support, labels, query, training=False):
        """Full-context embeddings (g [B, S, D], f [B, Q, D]) of g' and f'."""
        if not self.options.fce:
            return support, query
        there = labels >= 0
        if self.options.fce_width:
            support, query = self.projection(support), self.projection(query)
        orders = 1 if training else self.options.orders
        support = self.mean_over_orders(support, there, orders, training)
        return support, self.query_context(query, support, there)

    def mean_over_orders(self, support, there, orders, training=False):
        """g(x_i, S) in the order given, or its mean over that and more orders of S.

        Episodes come in random order, so in training the one order is a random one.
        """
        total = self.support_context(support, there, training)
        for i in range(1, orders):
            # one order for all episodes of a batch, which padding at the end leaves as it is
            noise = tf.random.stateless_uniform(tf.shape(there)[1:], [ORDER_SEED, i])
            order = tf.argsort(tf.broadcast_to(noise, tf.shape(there)), axis=1)
            shuffled = self.support_context(
                tf.gather(support, order, batch_dims=1), tf.gather(there, order, batch_dims=1)
            )
            total += tf.gather(shuffled, tf.argsort(order, axis=1), batch_dims=1)
        return total / orders
