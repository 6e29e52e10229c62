"""What a data set says of itself. Each module in `data/` declares one, named in `data/__init__.py`."""

import dataclasses
import typing

from oneshot_tf.run_config import DataOptions

# Gray photographs are all turned the same way: as negatives, which figures show as they were.
PHOTOGRAPHS = {"rotations": False, "test_rotations": False, "ink": "dark"}
COLOUR = {**PHOTOGRAPHS, "channels": 3, "flip": True}
IMAGENET_LICENCE = "ImageNet (Russakovsky et al., 2015): non-commercial research"


@dataclasses.dataclass(frozen=True)
class DataSource:
    """A data set as the commands know it.

    Attributes:
      load: (folder, `Options`) -> `Dataset` or `Sentences`.
      licence: whose it is and what it may be used for, in the words of a model card.
      Options: `DataOptions`, or a frozen subclass with options that only this data set has.
      defaults: {option: value} of general options that hold for this data set where nothing is
        said, whatever the model's own defaults are.
      picture_files: whether it is made of single picture files, which need not be read at once.
      vocabulary: how many tokens its sentences are made of; 0: it is of pictures.
      splits: names of its splits in `split_files/`, the default first.
      framing: (`Options`) -> which part of its picture files is read, in words; None: all of it.
      group_of: (class name) -> the group that the class is of, such as an alphabet; None: it has none.
    """

    load: typing.Callable
    licence: str
    Options: type[DataOptions] = DataOptions
    defaults: dict = dataclasses.field(default_factory=dict)
    picture_files: bool = False
    vocabulary: int = 0
    splits: tuple[str, ...] = ()
    framing: typing.Callable | None = None
    group_of: typing.Callable | None = None
