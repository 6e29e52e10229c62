"""The two halves of every sampler: drawing row numbers, and making episodes of their pictures."""

import dataclasses
import typing

import tensorflow as tf

from oneshot_tf.sampling import pixels
from oneshot_tf.sampling import source as sources


class Drawn(typing.NamedTuple):
    """A batch of episodes before its pictures are read: B episodes of K pictures.

    Attributes:
      drawings: int32 [B, K], rows of the source's pictures.
      turns: int32 [B, K], quarter turns.
      noise: float32 [B, K, source.noise_width(...)], uniform numbers that vary the pictures.
      labels: tensors of labels, as the kind of episode has them.
    """

    drawings: tf.Tensor
    turns: tf.Tensor
    noise: tf.Tensor
    labels: tuple[tf.Tensor, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Sampler:
    """sample(first) -> a batch of episodes from number `first` on, free of state.

    Attributes:
      source: `source.Source`.
      draw: (integer scalar tensor) -> `Drawn`; knows no pixels.
      arrange: (pictures [B, K, ...], labels) -> episodes.
    """

    source: sources.Source
    draw: typing.Callable
    arrange: typing.Callable

    def __call__(self, first):
        return self.finish(self.draw(first))

    def read(self, first):
        """(`Drawn`, uint8 [B * K, S, S, C]): the part that can be prepared ahead of time."""
        drawn = self.draw(first)
        return drawn, pixels.rows(self.source.images, tf.reshape(drawn.drawings, [-1]))

    def finish(self, drawn, stored=None):
        """The episodes of what was drawn; `stored` is the other half of `read`."""
        images = sources.pictures(self.source, *drawn[:3], stored)
        return self.arrange(images, drawn.labels)
