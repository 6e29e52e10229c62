"""Which classes, which drawings, which labels: the random choices behind every episode.

Episode i of a stream is a pure function of (seed, stream, i): each episode has one row of uniform
numbers, and every choice is made by sorting them. B episodes, C classes.
"""

import typing

import tensorflow as tf

from oneshot_tf.errors import UserError

STREAMS = {"train": 0, "validation": 1, "test": 2}


class Population(typing.NamedTuple):
    """The classes and drawings that episodes are drawn from.

    Attributes:
      offsets: int32 [C + 1]; class c owns the drawings offsets[c] .. offsets[c + 1] - 1.
      max_size: the largest class's number of drawings.
      turns: 4 where a class turned by a multiple of 90 degrees is a class of its own, else 1.
      shown: int32 [n], what each drawing shows, for data in which one thing belongs to several
        classes, as a sentence belongs to all its words. An episode then shows nothing twice, and
        classes with too few drawings are skipped. None if every drawing belongs to one class.
      groups: int32 [C], a group of every class, where the classes of an episode are all of one group;
        None where they are of any.
    """

    offsets: tf.Tensor
    max_size: int
    turns: int
    shown: tf.Tensor | None = None
    groups: tf.Tensor | None = None

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


def within_groups(population, names):
    """A population whose episodes are each of one group of classes.

    Args:
      population: `Population` without groups, of drawings that belong to one class each.
      names: the group of every class, C of any kind that can be sorted.
    """
    numbers = {name: i for i, name in enumerate(sorted(set(names)))}
    return population._replace(groups=tf.constant([numbers[name] for name in names], tf.int32))


def check(dataset, population, way, per_class):
    """Refuses episodes that the data cannot fill, before anything is built.

    Raises:
      UserError: too few classes, or a class with too few pictures.
    """
    if way > population.num_classes:
        raise UserError(
            f"An episode of {way} classes needs as many. Received: {population.num_classes} classes of "
            f"{dataset.name}; lower --way"
        )
    if population.groups is not None:
        largest = int(tf.reduce_max(_group_sizes(population)))
        if way > largest:
            raise UserError(
                f"An episode of {way} classes within one group needs a group of as many. Received: "
                f"{largest} classes in the largest group of {dataset.name}; lower --way"
            )
    if population.shown is not None:
        there = int((dataset.class_sizes >= per_class).sum())
        if there < tries(way):
            raise UserError(
                f"Episodes of {way} classes of {per_class} need {tries(way)} classes with as many. "
                f"Received: {there} of {dataset.name}; lower --way, --shot or --queries (eval.py: "
                "--eval_queries)"
            )
        return
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


def choose_width(population, way, num_labels):
    """How many uniform numbers `choose` needs for an episode."""
    classes = way if population.shown is None else tries(way)
    groups = 0 if population.groups is None else int(tf.reduce_max(population.groups)) + 1
    return population.num_classes + classes * population.max_size + num_labels + groups


def tries(way):
    """How many candidate classes are drawn to find `way` with enough drawings not yet shown."""
    return 2 * way + 2


def choose(noise, population, way, per_class, num_labels, most_way=None):
    """Classes without replacement, drawings without replacement, labels permuted.

    Args:
      noise: float32 [B, choose_width(...)] uniform numbers.
      population: the `Population`.
      way: classes per episode, an int or a scalar tensor.
      per_class: drawings per class, an int or a scalar tensor.
      num_labels: labels to give out; `way` of them are used, each at most once.
      most_way: what `way` is at most where it is a tensor; labels are then 0 .. way - 1.

    Returns:
      A `Choice`.
    """
    most_way = most_way or way
    if population.shown is not None:
        return _choose_apart(noise, population, way, per_class, num_labels, most_way)
    sizes = [population.num_classes, most_way * population.max_size, num_labels]
    class_noise, drawing_noise, label_noise, group_noise = tf.split(
        noise, [*sizes, noise.shape[1] - sum(sizes)], axis=1
    )
    if population.groups is not None:
        class_noise = _of_one_group(class_noise, group_noise, population, way)
    classes = tf.math.top_k(class_noise, way).indices
    labels = tf.math.top_k(label_noise if most_way is way else label_noise[:, :way], way).indices
    base_classes = population.offsets.shape[0] - 1
    first = tf.gather(population.offsets, classes % base_classes)
    size = tf.gather(population.offsets, classes % base_classes + 1) - first
    drawing_noise = tf.reshape(drawing_noise, [-1, most_way, population.max_size])[:, :way]
    there = tf.range(population.max_size) < size[..., None]
    picked = tf.math.top_k(tf.where(there, drawing_noise, -1.0), per_class).indices
    return Choice(drawings=first[..., None] + picked, turns=classes // base_classes, labels=labels)


def _group_sizes(population):
    """int32 [groups]: the classes of each, turned ones included."""
    return population.turns * tf.math.bincount(population.groups)


def _of_one_group(class_noise, group_noise, population, way):
    """The numbers [B, C] of the classes of one group each, of those with `way` or more; -1 for others."""
    enough = _group_sizes(population) >= way
    group = tf.argmax(tf.where(enough, group_noise, -1.0), axis=1, output_type=tf.int32)
    of_group = tf.tile(population.groups, [population.turns]) == group[:, None]
    return tf.where(of_group, class_noise, -1.0)


def _choose_apart(noise, population, way, per_class, num_labels, most_way):
    """As `choose`, but nothing is shown twice; a class with too few drawings left is skipped."""
    count = tries(most_way)
    sizes = [population.num_classes, count * population.max_size, num_labels]
    class_noise, drawing_noise, label_noise = tf.split(noise, sizes, axis=1)
    class_sizes = population.offsets[1:] - population.offsets[:-1]
    candidates = tf.math.top_k(tf.where(class_sizes >= per_class, class_noise, -1.0), count).indices
    drawing_noise = tf.split(drawing_noise, count, axis=1)
    taken = tf.fill([tf.shape(noise)[0], 0], -1)
    found = tf.zeros_like(candidates[:, 0])
    drawings, accepted = [], []
    for i in range(count):
        first = tf.gather(population.offsets, candidates[:, i])[:, None]
        rows = first + tf.range(population.max_size)
        there = rows < tf.gather(population.offsets, candidates[:, i] + 1)[:, None]
        shown = tf.gather(population.shown, tf.minimum(rows, tf.shape(population.shown)[0] - 1))
        free = there & ~tf.reduce_any(shown[:, :, None] == taken[:, None, :], axis=2)
        values, picked = tf.math.top_k(tf.where(free, drawing_noise[i], -1.0), per_class)
        fits = (values[:, -1] >= 0.0) & (found < way)
        found += tf.cast(fits, tf.int32)
        things = tf.where(fits[:, None], tf.gather(shown, picked, batch_dims=1), -1)
        taken = tf.concat([taken, things], axis=1)
        drawings.append(first + picked)
        accepted.append(fits)
    enough = tf.debugging.assert_equal(found, way, "Too few classes have drawings not shown yet")
    with tf.control_dependencies([enough]):
        order = tf.argsort(tf.cast(~tf.stack(accepted, axis=1), tf.int32), axis=1, stable=True)
    drawings = tf.gather(tf.stack(drawings, axis=1), order[:, :way], batch_dims=1)
    labels = tf.math.top_k(label_noise if most_way is way else label_noise[:, :way], way).indices
    return Choice(drawings, tf.zeros_like(labels), labels)
