"""Life-long memory: Kaiser et al. (2017), *Learning to Remember Rare Events* ([RE]).

A picture's embedding is a direction; the nearest key's label is the answer. See `ExplicitMemory` for
how the memory is asked and written, `ops/rare_events.py` for the rules.
"""

import dataclasses
import math

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.models.explicit_memory import ExplicitMemory, ExplicitMemoryOptions
from oneshot_tf.ops import matching, rare_events
from oneshot_tf.ops import slots as slot_rules
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class RareEventsOptions(ExplicitMemoryOptions):
    """Where the paper and the default differ, the help says which value is the paper's.

    Accuracy on Omniglot's validation classes (20 ways, 1 shot, turned ones are classes; 300 episodes,
    interval about 0.4) after 2,400 training episodes of 20 ways, 4 to a memory, by margin: 88.3 (0.1),
    91.5 (0.3), 91.9 (0.5).
    """

    margin: float = option(
        0.5, "margin of the loss, alpha (paper: 0.1)", low=0.0, high=2.0, search=(0.05, 1.0, "log")
    )
    width: int = option(128, "width of a key (the authors' code: 128)", low=1)


class RareEvents(ExplicitMemory):
    """Nearest neighbours in a memory of keys, labels and ages."""

    Options = RareEventsOptions

    def build_weights(self):
        self.to_key = keras.layers.Dense(self.options.width, use_bias=False, name="to_key")
        self.to_key.build([None, self.width])

    @property
    def row_width(self):
        return self.options.width

    @property
    def sharpness(self):
        """t = max(1, ln(0.2 k) / alpha): the factor of cosines in a softmax of k neighbours."""
        margin = max(self.options.margin, 1e-3)
        return max(1.0, math.log(0.2 * self.options.neighbours) / margin)

    def represent(self, embeddings):
        """[B, N, D] -> directions [B, N, width]."""
        return tf.math.l2_normalize(self.to_key(embeddings), axis=-1, epsilon=1e-12)

    def similarities(self, support, labels, query, training=False):
        """Sharpened cosines to the support pictures, for figures; the answer asks the memory."""
        support, query = self.in_context(support, labels, query, training)
        return self.sharpness * matching.similarity(query, support, "dot")

    def empty(self, memories, count):
        return rare_events.empty(memories, count, self.options.width)

    def scores(self, memory, rows):
        return rare_events.similarities(memory, rows)

    def write(self, memory, rows, labels, neighbours, noise):
        return rare_events.update(memory, rows, labels, neighbours, noise)

    def held(self, memory, slots):
        return slot_rules.take(memory.keys, slots)

    def contrast_loss(self, rows, held, there):
        return rare_events.loss(rows, held, there, self.options.margin)
