"""Meta-SGD (Li, Zhou, Chen and Li, 2017): MAML whose rates are learned, one for each weight.

theta' = theta - alpha o grad L(theta), Eq. 2, where alpha has the shape of theta: it learns the
direction of a step as well as its length. Eq. 3 and algorithm 1 train both.
"""

import dataclasses

import tf_keras as keras

from oneshot_tf.models.maml import MAML, GradientOptions, adapted_blocks_option
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class MetaSGDOptions(GradientOptions):
    """Options of Meta-SGD."""

    rate_from: float = option(0.005, "each alpha starts at random from here", low=0.0)
    rate_to: float = option(0.1, "up to here", low=0.0)
    adapted_blocks: int | None = adapted_blocks_option()


class MetaSGD(MAML):
    """One step, whose rates are weights."""

    Options = MetaSGDOptions

    def make_rates(self):
        def start():  # one of its own for each: the same one would give the same numbers again
            return keras.initializers.RandomUniform(self.options.rate_from, self.options.rate_to)

        adapts = self.what_adapts(self.net.own, 1)
        return [
            [
                self.add_weight(f"rate_{i}", value.shape, initializer=start())
                for i, value in enumerate(adapts)
            ]
        ]
