"""A memory of Gaussian embeddings: Tseran and Harada (2018, [GM]), section 3.

A variational auto-encoder sees content and style in a picture. The distribution of the content is
the picture's embedding: it asks the memory for the most similar distribution, whose label is the
answer, and is merged into it or written beside. See `ExplicitMemory` for how the memory is asked and
written, `ops/gaussian.py` for the rules.
"""

import dataclasses

import tensorflow as tf

from oneshot_tf.layers.vae import Decoder, DetailEncoder, GaussianHead, Posterior
from oneshot_tf.models.explicit_memory import (
    ExplicitMemory,
    ExplicitMemoryOptions,
    in_rounds,
)
from oneshot_tf.ops import gaussian, losses, variational
from oneshot_tf.ops import slots as slot_rules
from oneshot_tf.options import option

SHOWN, SWAPPED = 12, 6  # pictures in the figures
TRAVERSED, STEPS = 8, 9  # numbers of the content, and values of each


@dataclasses.dataclass(frozen=True)
class GaussianMemoryOptions(ExplicitMemoryOptions):
    """The paper gives neither sizes nor weights; where it differs, the help says its value.

    Accuracy on Omniglot's validation classes (20 ways, 1 shot, turned ones are classes; 300 episodes,
    interval about 0.4) after 2,400 training episodes of 20 ways, 4 to a memory. With the style in the
    embedding, whose pictures were shadows without strokes: 89.4 with margin 1, 88.7 with 4, both with
    c2 = c3 = 0.001; 90.0 with margin 1 and 0.003 each; without the auto-encoder (c2 = c3 = 0) and with
    margin 0.1, 81.2. With a style of its own, margin 1 and c2 = 0.001: 88.3 with c3 = 0.003 and 89.3
    with 0.01, which also draws sharper; 88.8 where the style sees the embedding as well. A style of 16
    dimensions lost what is inside of a shape.
    """

    content: int = option(64, "dimensions of the content, z_c (the paper does not say)", low=1)
    style: int = option(64, "dimensions of the style, z_s (the paper does not say)", low=1)
    hidden_size: int = option(
        256, "units of the network that sees the style", low=1, high=4096, formerly="hidden"
    )
    own_style: bool = option(
        True,
        "the style is seen by a small network of its own, not in the embedding that content and "
        "classes need (the paper does not say)",
    )
    temperature: float = option(
        10.0, "similarities are exp(-J / temperature) (paper: 1)", low=0.001,
        search=(1.0, 100.0, "log"),
    )  # fmt: skip
    margin: float = option(
        1.0,
        "margin of the loss, alpha, in the unit of its form (paper: 0.1, of similarities)",
        low=0.0,
        high=100.0,
        search=(0.1, 10.0, "log"),
    )
    margin_form: str = option(
        "log",
        "the triplet loss: as printed, whose margin never binds (paper), as a hinge, or as a hinge "
        "of log similarities, which do not vanish where distributions are far apart",
        choices=("log", "hinge", "paper"),
        search=["log", "hinge", "paper"],
    )
    triplet_weight: float = option(1.0, "c1 (the paper does not say)", low=0.0)
    latent_weight: float = option(0.001, "c2 (the paper does not say)", low=0.0)
    generative_weight: float = option(0.01, "c3 (the paper does not say)", low=0.0)


class GaussianMemory(ExplicitMemory):
    """Distributions of the content in a memory."""

    Options = GaussianMemoryOptions

    def build_weights(self):
        options = self.options
        self.content_head = GaussianHead(self.width, options.content, name="content_head")
        self.detail, seen = None, self.width
        if options.own_style:
            self.detail = DetailEncoder(self.image_shape, options.hidden_size, name="detail")
            seen = self.detail.width
        self.style_head = GaussianHead(seen, options.style, name="style_head")
        for part in (self.content_head, self.style_head, self.detail):
            if part is not None:
                part.build(None)
        latent = options.content + options.style
        self.decoder = Decoder(latent, self.image_shape, name="decoder")
        self.decoder.build(None)

    @property
    def row_width(self):
        return 2 * self.options.content

    def posterior(self, images, embeddings):
        """`Posterior` of pictures [..., H, W, C] whose embeddings are [..., D]."""
        seen = embeddings if self.detail is None else self.detail(images)
        return Posterior(self.content_head(embeddings), self.style_head(seen))

    def represent(self, embeddings):
        """[B, N, D] -> means and variances of the content, [B, N, 2 Zc]."""
        return tf.concat(self.content_head(embeddings), axis=-1)

    def in_context(self, support, labels, query, training=False):
        """Means of the content."""
        del labels, training
        return self.content_head(support).means, self.content_head(query).means

    def similarities(self, support, labels, query, training=False):
        """Log similarities to the support pictures, for figures; the answer asks the memory."""
        del labels, training
        left, right = self.content_head(query), self.content_head(support)
        return -gaussian.symmetric_kl(left, right) / self.options.temperature

    def empty(self, memories, count):
        return gaussian.empty(memories, count, self.options.content)

    def scores(self, memory, rows):
        return gaussian.similarities(memory, _unpack(rows), self.options.temperature)

    def write(self, memory, rows, labels, neighbours, noise):
        return gaussian.update(memory, _unpack(rows), labels, neighbours, noise)

    def held(self, memory, slots):
        parts = (slot_rules.take(part, slots) for part in (memory.means, memory.variances))
        return tf.concat(list(parts), axis=-1)

    def contrast_loss(self, rows, held, there):
        own = gaussian.Gaussians(*(part[:, None] for part in _unpack(rows)))
        scores = -gaussian.paired_symmetric_kl(own, _unpack(held)) / self.options.temperature
        options = self.options
        return gaussian.loss(scores[:, 0], scores[:, 1], there, options.margin, options.margin_form)

    def train_loss(self, episode, state=()):
        """c1 triplet + c2 latent + c3 (generative of z_c + generative of another picture's z_c)."""
        support, query = self.embed_episode(episode, True)
        images = tf.concat([episode.support, episode.query], axis=1)
        posterior = self.posterior(images, tf.concat([support, query], axis=1))
        rows = tf.concat(posterior.content, axis=-1)
        found = self.memory_loss(rows, episode)
        labels = tf.concat([episode.support_labels, episode.query_labels], axis=1)
        latent = sum(variational.kl_to_standard(part) for part in posterior)
        latent = losses.masked_mean(latent, tf.cast(labels >= 0, tf.float32))
        options = self.options
        parts = options.latent_weight * latent
        parts += options.generative_weight * self._generative(posterior, images, labels)
        return found._replace(loss=options.triplet_weight * found.loss + parts)

    def _generative(self, posterior, images, labels):
        """Mean nats of a picture made again, from its own content and from another's: []."""
        seeds = variational.seeds_of(images)
        content = variational.sample(posterior.content, seeds)
        style = variational.sample(posterior.style, seeds + 1)
        other = tf.gather(content, variational.partners(labels), batch_dims=1)
        nats = sum(self._nats(images, z, style) for z in (content, other))
        return losses.masked_mean(nats, tf.cast(labels >= 0, tf.float32))

    def _nats(self, images, content, style):
        """Nats of pictures [B, n, H, W, C], each of its z_c [B, n, Zc] and z_s [B, n, Zs]: [B, n]."""
        logits = self.decoder(*(tf.reshape(z, [-1, z.shape[-1]]) for z in (content, style)))
        logits = tf.reshape(logits, tf.shape(images))
        nats = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
        return tf.reduce_sum(nats, axis=[2, 3, 4])

    def reconstruct(self, images):
        """Pictures made again from the means of their content and style: [n, H, W, C] in [0, 1]."""
        posterior = self.posterior(images, self.features(images))
        return self.generate(posterior.content.means, posterior.style.means)

    def generate(self, content, style):
        """Pictures [n, H, W, C] in [0, 1] of z_c [n, Zc] and z_s [n, Zs]."""
        return tf.sigmoid(self.decoder(content, style))

    def figures(self, episode):
        """As of few-shot models, and what `figures/vae.py` draws of the queries."""
        labels = episode.query_labels[:1]
        # each class once, then again: not twelve drawings of the first
        chosen = in_rounds(labels)[0, : tf.reduce_sum(tf.cast(labels >= 0, tf.int32))][:SHOWN]
        partners = tf.gather(variational.partners(labels)[0], chosen)
        images = tf.gather(episode.query[0], chosen)
        posterior = self.posterior(images, self.features(images))
        content, style = posterior.content.means, posterior.style.means
        other = self.content_head(self.features(tf.gather(episode.query[0], partners))).means
        made = [images, self.generate(content, style), self.generate(other, style)]
        return {
            **super().figures(episode),
            "reconstruction": tf.stack(made).numpy(),
            "swap": self._swaps(images[:SWAPPED], content[:SWAPPED], style[:SWAPPED]).numpy(),
            "traversal": self._traversals(content[:1], style[:1]).numpy(),
        }

    def _swaps(self, images, content, style):
        """[k + 1, k + 1, H, W, C]: the pictures in row and column 0, and each content in each style."""
        count = tf.shape(images)[0]
        pairs = self.generate(tf.repeat(content, count, axis=0), tf.tile(style, [count, 1]))
        pairs = tf.reshape(pairs, [count, count, *self.image_shape])
        above = tf.concat([tf.zeros_like(images[:1]), images], axis=0)[None]
        return tf.concat([above, tf.concat([images[:, None], pairs], axis=1)], axis=0)

    def _traversals(self, content, style):
        """[d, STEPS, H, W, C]: one number of the content from -2 to 2 a row."""
        rows = min(TRAVERSED, self.options.content)
        moves = tf.linspace(-2.0, 2.0, STEPS)
        which = tf.repeat(tf.eye(rows, self.options.content), STEPS, axis=0)
        moved = content * (1.0 - which) + which * tf.tile(moves, [rows])[:, None]
        made = self.generate(moved, tf.repeat(style, rows * STEPS, axis=0))
        return tf.reshape(made, [rows, STEPS, *self.image_shape])


def _unpack(rows):
    return gaussian.Gaussians(*tf.split(rows, 2, axis=-1))
