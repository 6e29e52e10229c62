"""A part of a data set, on the device or in files, from which episodes are drawn."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from oneshot_tf.data.sentences import Sentences
from oneshot_tf.errors import UserError
from oneshot_tf.sampling import augment, choice, colour, pixels, sentences

MOST_PIXELS = 500 * 84**2  # embedded at once
OMNIGLOT_SIZE = 105  # pixels; shifts are given at this size, whatever size pictures are kept at


class Source(typing.NamedTuple):
    """Pictures, what may be drawn from them, and how they are varied.

    Attributes:
      images: uint8 [n, S, S, C] on the device, or `data.lazy_images.LazyImages` where they stay in
        their files.
      population: `choice.Population`.
      image_size: height and width of the pictures an episode holds.
      max_rotation: degrees either way; with `max_shift` 0, pictures stay as they are.
      max_shift: pixels of `images` either way (the option counts pixels of Omniglot's 105).
      dataset: the `Dataset`, for messages.
      max_slant: degrees either way.
      max_stretch: share by which width and height grow or shrink.
      bold: how far strokes are thickened; 0 leaves them.
      random_crop: pixels that pictures are padded by before a random cut; 0 does not.
      flip: mirror every other picture.
      colour_jitter: how much colours change; 0 leaves them.
      features: float32 [turns * n, D]: embeddings that episodes hold in place of the pictures, see
        `embedded`; None for pictures.
    """

    images: typing.Any
    population: choice.Population
    image_size: int
    max_rotation: float
    max_shift: float
    dataset: typing.Any
    max_slant: float = 0.0
    max_stretch: float = 0.0
    bold: float = 0.0
    random_crop: int = 0
    flip: bool = False
    colour_jitter: float = 0.0
    features: tf.Tensor | None = None

    @property
    def varied(self):
        return varies(self)

    @property
    def in_files(self):
        return self.features is None and not tf.is_tensor(self.images)


def varies(options):
    """Whether `DataOptions` or a `Source` turn, shift, slant or stretch pictures."""
    return max(options.max_rotation, options.max_shift, *_form(options)) > 0


def _form(options):
    return options.max_slant, options.max_stretch


def make(dataset, options, *, rotations, vary, train=False):
    """A `Source` of all classes of a data set; of `Sentences`, a `SentenceSource`.

    Args:
      dataset: `Dataset`, at `options.augment_size` where `vary`, else at `options.image_size`.
      options: `DataOptions`.
      rotations: turned classes are classes as well.
      vary: turn, shift, slant and stretch each picture as `options` say.
      train: thicken, cut, mirror and colour each picture as `options` say.

    Raises:
      UserError: the cut needs more mirrored pixels than a picture has.
    """
    if isinstance(dataset, Sentences):
        return sentences.make(dataset)
    if options.random_crop >= options.image_size:
        raise UserError(
            f"--random_crop must be below --image_size={options.image_size}. "
            f"Received: {options.random_crop}"
        )
    shift = options.max_shift * dataset.images.shape[1] / OMNIGLOT_SIZE
    images = dataset.images
    if isinstance(images, np.ndarray):
        images = tf.constant(images)
        # where the device is the CPU, an array of the tensor's memory: pictures are held once
        dataset = dataclasses.replace(dataset, images=np.asarray(images))
    return Source(
        images=images,
        population=choice.population(dataset, rotations),
        image_size=options.image_size,
        max_rotation=options.max_rotation if vary else 0.0,
        max_shift=shift if vary else 0.0,
        dataset=dataset,
        max_slant=options.max_slant if vary else 0.0,
        max_stretch=options.max_stretch if vary else 0.0,
        bold=options.bold if train else 0.0,
        random_crop=options.random_crop if train else 0,
        flip=options.flip and train,
        colour_jitter=options.colour_jitter if train else 0.0,
    )


def embedded(source, embed, batch=500):
    """A source of the same episodes, with every picture's embedding in its place.

    Each picture is embedded once, however many episodes it will be in.

    Args:
      source: `Source` that does not vary its pictures.
      embed: (float32 [n, H, W, C]) -> [n, D], each picture by itself.
      batch: pictures embedded at once, fewer of large ones.
    """
    if noise_width(source):
        raise ValueError("Pictures that are varied anew in every episode cannot be embedded once")
    count, size = source.images.shape[:2]
    batch = max(1, min(batch, MOST_PIXELS // size**2))

    @tf.function(reduce_retracing=True, autograph=False)
    def rows(indices, turn):
        turns = tf.fill(tf.shape(indices), turn) if source.population.turns > 1 else None
        return embed(pixels.gather(source.images, indices, turns))

    parts = [
        rows(tf.range(start, min(start + batch, count)), tf.constant(turn))
        for turn in range(source.population.turns)
        for start in range(0, count, batch)
    ]
    return source._replace(features=tf.concat(parts, axis=0))


def noise_widths(source):
    """Uniform numbers a picture needs: [place and form, strokes, cut, mirror, colours]."""
    return [
        (6 if max(_form(source)) > 0 else 3) if source.varied else 0,
        1 if source.bold > 0 else 0,
        2 if source.random_crop else 0,
        1 if source.flip else 0,
        3 if source.colour_jitter > 0 else 0,
    ]


def noise_width(source):
    """How many uniform numbers a picture needs for all that varies it."""
    if isinstance(source, sentences.SentenceSource):
        return 0
    return sum(noise_widths(source))


def pictures(source, drawings, turns, noise, stored=None):
    """The drawings, varied and resized as the source says.

    Args:
      source: `Source`.
      drawings: int32 [B, K].
      turns: int32 [B, K].
      noise: float32 [B, K, noise_width(source)], uniform.
      stored: uint8 [B * K, S, S, C], the drawings' pictures where they have been read already.

    Returns:
      float32 [B, K, H, W, C]; [B, K, D] of a source of embeddings.
    """
    if isinstance(source, sentences.SentenceSource):
        return sentences.shown(source, drawings)
    if source.features is not None:
        return tf.gather(source.features, drawings + source.images.shape[0] * turns)
    images = pixels.gather(
        source.images, drawings, turns if source.population.turns > 1 else None, stored
    )
    widths = noise_widths(source)
    if not sum(widths):
        return images
    flat = tf.reshape(images, [-1, *images.shape[2:]])
    noise = tf.reshape(noise, [-1, sum(widths)])
    geometry, bold, crop, flip, jitter = tf.split(noise, widths, axis=1)
    if source.varied:
        flat = augment.vary(flat, geometry, source.max_rotation, source.max_shift, *_form(source))
        flat = augment.resize(flat, source.image_size)
    if source.bold > 0:
        flat = augment.thicken(flat, bold[:, 0], source.bold)
    if source.random_crop:
        flat = colour.crop(flat, crop, source.random_crop)
    if source.flip:
        flat = colour.flip(flat, flip[:, 0])
    if source.colour_jitter > 0:
        flat = colour.jitter(flat, jitter, source.colour_jitter)
    return tf.reshape(flat, tf.concat([tf.shape(drawings), flat.shape[1:]], axis=0))
