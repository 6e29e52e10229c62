"""Pictures sorted by class, in memory or in files: what every source of pictures becomes."""

import dataclasses
import hashlib

import numpy as np

from oneshot_tf.data.lazy_images import LazyImages
from oneshot_tf.errors import UserError


class Classes:
    """What data sets of classes have in common: `name`, `class_names`, `offsets` of what each owns."""

    called = "classes"  # in messages

    @property
    def num_classes(self):
        return len(self.class_names)

    @property
    def class_sizes(self):
        """int64 [classes]: how many pictures, or sentences, each class has."""
        return np.diff(self.offsets)

    def places(self, class_names):
        """Where the classes named stand, a list of ints.

        Raises:
          UserError: one is not there.
        """
        index = {name: i for i, name in enumerate(self.class_names)}
        missing = [name for name in class_names if name not in index]
        if missing:
            raise UserError(
                f"Data set {self.name} lacks {len(missing)} {self.called} of the split, first "
                f"{missing[0]!r}; is the data complete?"
            )
        return [index[name] for name in class_names]


@dataclasses.dataclass(frozen=True)
class Dataset(Classes):
    """Pictures sorted by class.

    Attributes:
      name: which data set it is ("omniglot").
      images: uint8 [n, H, W, C]; 255 is full ink on gray pictures, else plain intensity. An array,
        or `LazyImages` where pictures stay in their files.
      offsets: int64 [classes + 1]; class c owns images[offsets[c]:offsets[c + 1]].
      class_names: one unique name a class, in the order of `offsets`.
    """

    name: str
    images: np.ndarray | LazyImages
    offsets: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self):
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(
                "`images` must be uint8 [n, H, W, C]. "
                f"Received: {self.images.dtype} {self.images.shape}"
            )
        ends = self.offsets[:1].tolist() + self.offsets[-1:].tolist()
        if len(self.offsets) != len(self.class_names) + 1 or ends != [0, len(self.images)]:
            raise ValueError(
                "`offsets` must be [classes + 1], from 0 to the number of images. "
                f"Received: {len(self.offsets)} offsets, {len(self.class_names)} classes, "
                f"{len(self.images)} images"
            )
        if len(set(self.class_names)) != len(self.class_names):
            raise ValueError("`class_names` must be unique")

    def select(self, class_names):
        """The classes named, in that order, as a data set of their own."""
        places = self.places(class_names)
        if not places:
            raise UserError(f"Data set {self.name} has no classes; expected at least one")
        parts = [np.arange(self.offsets[c], self.offsets[c + 1]) for c in places]
        offsets = np.cumsum([0, *map(len, parts)]).astype(np.int64)
        images = self.images.take(np.concatenate(parts), axis=0)
        return Dataset(self.name, images, offsets, tuple(class_names))

    def with_at_least(self, count):
        """The classes of at least so many pictures.

        Raises:
          UserError: there is none.
        """
        names = [
            n for n, size in zip(self.class_names, self.class_sizes, strict=True) if size >= count
        ]
        if not names:
            raise UserError(
                f"--min_images must be at most {self.class_sizes.max()}, as many as a class of "
                f"{self.name} has. Received: {count}"
            )
        return self.select(names)

    def with_mirrored_copies(self, side):
        """Every class with each of its pictures mirrored as well, behind the others.

        Args:
          side: "horizontal" (left to right), "vertical" (top to bottom), or "none".
        """
        if side == "none":
            return self
        axis = {"vertical": 1, "horizontal": 2}[side]
        spans = list(zip(self.offsets[:-1], self.offsets[1:], strict=True))
        images = self.images.take(np.concatenate([[*range(*s)] * 2 for s in spans]), axis=0)
        is_copy = np.concatenate([np.arange(2 * (end - at)) >= end - at for at, end in spans])
        if isinstance(images, LazyImages):
            images = images.mirrored(is_copy, axis)
        else:
            images[is_copy] = np.flip(images[is_copy], axis)
        return Dataset(self.name, images, 2 * self.offsets, self.class_names)

    def sha256(self):
        """Hash of names, class sizes and pixels (of what lazy ones are read from), as hex."""
        digest = hashlib.sha256()
        digest.update("\n".join(self.class_names).encode())
        digest.update(np.ascontiguousarray(self.offsets, np.int64).tobytes())
        digest.update(str(self.images.shape).encode())
        if isinstance(self.images, LazyImages):
            self.images.fingerprint(digest)
        else:
            digest.update(np.ascontiguousarray(self.images))
        return digest.hexdigest()


def from_classes(name, classes):
    """A `Dataset` of {class name: uint8 [n, H, W, C]}, in the dictionary's order."""
    if not classes:
        raise UserError(f"Data set {name} has no classes; expected at least one")
    sizes = [len(images) for images in classes.values()]
    return Dataset(
        name=name,
        images=np.concatenate(list(classes.values())),
        offsets=np.cumsum([0, *sizes]).astype(np.int64),
        class_names=tuple(classes),
    )
