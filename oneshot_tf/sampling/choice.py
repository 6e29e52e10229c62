"""Which classes, which drawings, which labels: the random choices behind every episode.

Episode i of a stream is a pure function of (seed, stream, i): one row of uniform numbers an
episode, from which every choice is made by sorting. B episodes, C classes.
"""

import typing

import tensorflow as tf

from oneshot_tf.errors import UserError

STREAMS = {"train": 0, "validation": 1, "test": 2}


class Population(typing.NamedTuple):
    """What can be drawn from.

    Attributes:
      offsets: int32 [C + 1]; class c owns the drawings offsets[c] .. offsets[c + 1] - 1.
      max_size: the largest class's number of drawings.
      turns: 4 where a class turned by a multiple of 90 degrees is a class of its own, else 1.
    """

    offsets: tf.Tensor
    max_size: int
    turns: int

    @property
    def num_classes(self):
        """Classes, turned ones included: class c turned by 90 r degrees is c + C r."""
        return (self.offsets.shape[0] - 1) * self.turns


class Choice(typing.NamedTuple):
    """Drawings of an episode: class `w` of `way`, drawing `j` of `per_class`.

    Attributes:
      drawings: int32 [B, way, per_class], rows of the data set's images.
      turns: int32 [B, way], quarter turns.
      labels: int32 [B, way], the label of each class in this episode.
    """

    drawings: tf.Tensor
    turns: tf.Tensor
    labels: tf.Tensor


def population(dataset, rotations):
    """The `Population` of a `Dataset`."""
    return Population(
        offsets=tf.constant(dataset.offsets, tf.int32),
        max_size=int(dataset.class_sizes.max()),
        turns=4 if rotations else 1,
    )


def check(dataset, people, way, per_class):
    """Refuses, before anything is built, an episode that the data cannot fill.

    Raises:
      UserError: too few classes, or a class with too few pictures.
    """
    if way > people.num_classes:
        raise UserError(
            f"An episode of {way} classes needs as many. Received: {people.num_classes} classes of "
            f"{dataset.name}; lower --way"
        )
    smallest = int(dataset.class_sizes.argmin())
    if dataset.class_sizes[smallest] < per_class:
        raise UserError(
            f"An episode needs {per_class} pictures a class. Class "
            f"{dataset.class_names[smallest]!r} of {dataset.name} has "
            f"{dataset.class_sizes[smallest]}; add pictures, or lower --shot or --queries (eval.py: --eval_queries)"
        )


def uniform_rows(seed, stream, first, batch, width):
    """[batch, width] uniform numbers in [0, 1); row b belongs to episode `first + b` alone.

    Args:
      seed: Python int, the run's seed.
      stream: a key of `STREAMS`; streams share no numbers.
      first: int32 or int64 scalar tensor, the number of the first episode.
      batch: Python int, how many episodes.
      width: Python int, how many numbers an episode needs.
    """
    origin = tf.constant(seed * len(STREAMS) + STREAMS[stream], tf.int64)
    first = tf.cast(first, tf.int64)
    return tf.stack(
        [
            tf.random.stateless_uniform([width], tf.stack([origin, first + b]), alg="philox")
            for b in range(batch)
        ]
    )


def choose_width(people, way, num_labels):
    """How many uniform numbers `choose` needs for an episode."""
    return people.num_classes + way * people.max_size + num_labels


def choose(noise, people, way, per_class, num_labels, most_way=None):
    """Classes without replacement, drawings without replacement, labels permuted.

    Args:
      noise: float32 [B, choose_width(...)] uniform numbers.
      people: the `Population`.
      way: classes per episode, an int or a scalar tensor.
      per_class: drawings per class, an int or a scalar tensor.
      num_labels: labels to give out; `way` of them are used, each at most once.
      most_way: what `way` is at most where it is a tensor; labels are then 0 .. way - 1.

    Returns:
      A `Choice`.
    """
    most_way = most_way or way
    sizes = [people.num_classes, most_way * people.max_size, num_labels]
    class_noise, drawing_noise, label_noise = tf.split(noise, sizes, axis=1)
    classes = tf.math.top_k(class_noise, way).indices
    labels = tf.math.top_k(label_noise if most_way is way else label_noise[:, :way], way).indices
    base_classes = people.offsets.shape[0] - 1
    first = tf.gather(people.offsets, classes % base_classes)
    size = tf.gather(people.offsets, classes % base_classes + 1) - first
    drawing_noise = tf.reshape(drawing_noise, [-1, most_way, people.max_size])[:, :way]
    there = tf.range(people.max_size) < size[..., None]
    picked = tf.math.top_k(tf.where(there, drawing_noise, -1.0), per_class).indices
    return Choice(drawings=first[..., None] + picked, turns=classes // base_classes, labels=labels)
