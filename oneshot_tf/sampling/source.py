"""A part of a data set on the device, from which episodes are drawn."""

import typing

import tensorflow as tf

from oneshot_tf.sampling import augment, choice, pixels

OMNIGLOT_SIZE = 105  # pixels; shifts are given in these whatever size pictures are kept at


class Source(typing.NamedTuple):
    """Pictures on the device, what may be drawn from them, and how they are varied.

    Attributes:
      images: uint8 [n, S, S, C].
      people: `choice.Population`.
      image_size: height and width of the pictures an episode holds.
      max_rotation: degrees either way; with `max_shift` 0, pictures stay as they are.
      max_shift: pixels of `images` either way (the option counts pixels of Omniglot's 105).
      dataset: the `Dataset`, for messages.
    """

    images: tf.Tensor
    people: choice.Population
    image_size: int
    max_rotation: float
    max_shift: float
    dataset: typing.Any

    @property
    def varied(self):
        return self.max_rotation > 0 or self.max_shift > 0


def make(dataset, options, *, rotations, vary):
    """A `Source` of all classes of a data set.

    Args:
      dataset: `Dataset`, at `options.augment_size` where `vary`, else at `options.image_size`.
      options: `DataOptions`.
      rotations: turned classes are classes as well.
      vary: rotate and shift each picture as `options` say.
    """
    shift = options.max_shift * dataset.images.shape[1] / OMNIGLOT_SIZE
    return Source(
        images=tf.constant(dataset.images),
        people=choice.population(dataset, rotations),
        image_size=options.image_size,
        max_rotation=options.max_rotation if vary else 0.0,
        max_shift=shift if vary else 0.0,
        dataset=dataset,
    )


def pictures(source, drawings, turns, noise):
    """float32 [B, K, H, W, C]: the drawings, varied and resized as the source says.

    Args:
      source: `Source`.
      drawings: int32 [B, K].
      turns: int32 [B, K].
      noise: float32 [B, K, 3], for rotation and shift; used where the source varies pictures.
    """
    images = pixels.gather(source.images, drawings, turns if source.people.turns > 1 else None)
    if not source.varied:
        return images
    flat = tf.reshape(images, [-1, *images.shape[2:]])
    flat = augment.vary(flat, tf.reshape(noise, [-1, 3]), source.max_rotation, source.max_shift)
    flat = augment.resize(flat, source.image_size)
    return tf.reshape(flat, [*images.shape[:2], *flat.shape[1:]])
