"""Cosine on raw pixels: the first row of Vinyals et al.'s tables. Nothing is learned.

Their figures on Omniglot are those of dark ink on bright paper (`--inverted`): the cosine is then of
the paper, which all drawings share, and is worse than that of the ink.
"""

import dataclasses

from oneshot_tf.layers.encoder import FlatEncoder
from oneshot_tf.models.few_shot_learner import FewShotLearner, aggregate_option
from oneshot_tf.ops import matching
from oneshot_tf.options import Options, option


@dataclasses.dataclass(frozen=True)
class PixelsOptions(Options):
    """Options of matching on pixels."""

    kernel: str = option(
        "cosine",
        "similarity of two pictures; the paper's is cosine",
        choices=("cosine", "dot", "sqeuclidean", "l1"),
    )
    inverted: bool = option(
        False, "the background is 1 and ink 0 (the paper does not say; its figures fit this)"
    )
    aggregate: str = aggregate_option()


class Pixels(FewShotLearner):
    """Nearest neighbour by the cosine of pictures."""

    Options = PixelsOptions
    alone = True
    takes_backbone = False
    finetune_matches = ()
    test_options = ()

    def make_embedding(self, options):
        del options
        return FlatEncoder(name="pixels")

    def features(self, images):
        return super().features(1.0 - images if self.options.inverted else images)

    def _embed_flat(self, layer, images, training, marks, learned):
        images = 1.0 - images if self.options.inverted else images
        return super()._embed_flat(layer, images, training, marks, learned)

    def test_conditions(self):
        return {"bn": "running"}  # there is none

    def speakers(self, episode, training):
        return None

    def similarities(self, support, labels, query, training=False):
        del labels, training
        return matching.similarity(query, support, self.options.kernel)
