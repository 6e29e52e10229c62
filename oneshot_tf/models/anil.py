"""ANIL (Raghu, Raghu, Bengio and Vinyals, 2020): MAML whose head alone adapts.

"Almost no inner loop", section 5: features are made once, by weights that no task changes, and the
steps are of a linear classifier.
"""

import dataclasses

from oneshot_tf.models.adapting_learner import steps_options
from oneshot_tf.models.maml import MAML, RateOptions

_STEPS, _ = steps_options(3)


@dataclasses.dataclass(frozen=True)
class ANILOptions(RateOptions):
    """Options of ANIL."""

    steps: int = _STEPS


class ANIL(MAML):
    """Gradient descent of the head on the support."""

    Options = ANILOptions

    @property
    def fixed_blocks(self):
        return self.options.blocks
