"""The options that every run has, and all that a run is made of."""

import dataclasses

from oneshot_tf.errors import UserError
from oneshot_tf.options import Options, from_fields, option

# Once options of all data sets, now of one each: the configs of older runs name them.
FORMERLY_GENERAL = ("centre_crop", "min_images", "mirrored_copies", "max_sentences")
PARTS = {"name": str, "model": str, "data": dict, "train": dict, "options": dict}  # of a config


@dataclasses.dataclass(frozen=True)
class DataOptions(Options):
    """Which pictures, how large, which classes, and how they are varied.

    What only one data set has is in a subclass beside its loader, see `data/sources.py`.
    """

    dataset: str = option(
        "omniglot",
        "which data set; `folder` is your own, a folder of pictures a class",
    )
    data_dir: str | None = option(None, "where the data is (default: $ONESHOT_TF_DATA, else data)")
    read: str = option(
        "memory",
        "where pictures are kept: all in memory; or, of data sets of picture files, in their files, "
        "decoded while the model trains",
        choices=("memory", "files"),
    )
    skip_damaged: bool = option(
        False, "decode every picture file once before training, and leave out what is damaged"
    )
    split: str | None = option(
        None,
        "which classes train: one of the data set's stored splits, random, or a file of your own, "
        'FILE.json with {"train": [names], "validation": [names], "test": [names]} (default: the first '
        "stored one, else random)",
    )
    split_seed: int = option(0, "seed of the split `random`", low=0)
    image_size: int = option(
        28,
        "height and width of a picture in pixels",
        low=4,
        high=512,
    )
    channels: int = option(1, "1 for gray, 3 for colour", choices=(1, 3))
    ink: str = option(
        "auto",
        "which side of a gray picture is 1; auto looks at the border",
        choices=("auto", "dark", "light"),
    )
    rotations: bool = option(
        True, "training: a class turned by 90, 180, 270 degrees is a new class"
    )
    test_rotations: bool = option(False, "validation and test: rotated classes are classes as well")
    max_rotation: float = option(
        0.0, "turn each picture by up to this many degrees either way", low=0.0, high=180.0
    )
    max_shift: float = option(
        0.0, "shift each picture by up to this many pixels of 105 either way", low=0.0
    )
    max_slant: float = option(
        0.0, "slant each picture by up to this many degrees either way", low=0.0, high=60.0
    )
    max_stretch: float = option(
        0.0,
        "make each picture wider or narrower, and taller or lower, by up to this share",
        low=0.0,
        high=0.9,
    )
    augment_size: int = option(
        105,
        "pictures are turned, shifted, slanted and stretched at this size, before the resize",
        low=4,
        high=512,
    )
    augment_test: bool = option(
        False, "turn, shift, slant and stretch in validation and test as well"
    )
    bold: float = option(
        0.0,
        "training: thicken strokes by up to this share of a pixel on each side; 0 does not",
        low=0.0,
        high=1.0,
    )
    random_crop: int = option(
        0,
        "training: pad by this many mirrored pixels, then cut out the size at random; 0 does not",
        low=0,
        high=128,
    )
    flip: bool = option(False, "training: mirror every other picture")
    colour_jitter: float = option(
        0.0,
        "training: change brightness, contrast and saturation by up to this share; 0 does not",
        low=0.0,
        high=1.0,
    )


@dataclasses.dataclass(frozen=True)
class TrainOptions(Options):
    """How long, on what episodes, and with which optimiser."""

    seed: int = option(0, "seed of weights and episodes", low=0, high=2**32 - 1)
    episodes: int = option(100_000, "how many episodes in all", low=1)
    batch_size: int = option(16, "episodes per update", low=1)
    way: int = option(
        5, "classes per episode; 5:20 draws them anew for every few-shot batch", low=2, span=True
    )
    way_from: int | None = option(None, "the smaller number of --way=5:20", low=2)
    shot: int = option(
        10,
        "pictures per class: presentations of a sequence, or support pictures (also 1:5)",
        low=1,
        span=True,
    )
    shot_from: int | None = option(None, "the smaller number of --shot=1:5", low=1)
    queries: int = option(5, "query pictures per class of a few-shot episode", low=1)
    counts: str = option(
        "equal",
        "how often each class of a sequence is shown; random varies",
        choices=("equal", "random"),
    )
    train_on_validation: bool = option(
        False, "train on the validation classes too, and evaluate the last checkpoint"
    )
    optimizer: str = option(
        "adam", "adam, adamw, rmsprop or sgd", choices=("adam", "adamw", "rmsprop", "sgd")
    )
    learning_rate: float = option(
        1e-3, "learning rate at the start", low=0.0, search=(3e-4, 1e-2, "log")
    )
    schedule: str = option(
        "constant",
        "constant, cosine or linear (to zero at the last episode), halve, or decay",
        choices=("constant", "cosine", "linear", "halve", "decay"),
    )
    halve_every: int = option(320_000, "episodes between halvings of the schedule `halve`", low=1)
    decay_from: int = option(0, "episodes before the schedule `decay` lowers the rate", low=0)
    decay_every: int = option(320_000, "episodes between divisions of the schedule `decay`", low=1)
    decay_by: float = option(2.0, "what the schedule `decay` divides the rate by", low=1.0)
    momentum: float = option(0.9, "momentum of sgd; 0 is without", low=0.0, high=1.0)
    warmup: int = option(0, "episodes of linear warm-up", low=0)
    clip_norm: float = option(0.0, "clip the gradient to this global norm; 0 does not", low=0.0)
    weight_decay: float = option(0.0, "weight decay of adamw", low=0.0)
    steps_per_call: int = option(50, "updates inside one call of the compiled loop", low=1)
    eval_every: int = option(10_000, "episodes between validations", low=1)
    validation_episodes: int = option(320, "episodes of a validation", low=1)
    save_every: int = option(10_000, "episodes between checkpoints", low=1)
    keep: int = option(3, "how many latest checkpoints to keep", low=1)
    figures_every: int = option(
        20_000, "episodes between pictures in TensorBoard; 0 draws none", low=0
    )
    strategy: str | None = option(
        None,
        "one device; mirrored: the batch is split over all GPUs of the machine, or over --replicas "
        "devices; multi_worker: over all GPUs, or the CPU, of each machine that TF_CONFIG names "
        "(default: mirrored if --replicas is above 1, else one)",
        choices=("one", "mirrored", "multi_worker"),
    )
    replicas: int = option(
        1,
        "devices to train on, of all machines; on a CPU, mirrored trains parts of the batch side by "
        "side. multi_worker, and mirrored on GPUs, count them themselves",
        low=1,
    )
    precision: str = option(
        "auto",
        "of training: float32, mixed_bfloat16, or auto: mixed_bfloat16 for conv4, and for learners "
        "like MAML with --downsampling=pools, on processors that are faster with it; tests and "
        "exports compute in float32",
        choices=("auto", "float32", "mixed_bfloat16"),
        earlier="float32",
    )
    deterministic: bool = option(False, "ask TensorFlow for deterministic operations (GPU)")


@dataclasses.dataclass(frozen=True)
class PaperOptions(Options):
    """What of a paper a run stands beside; it changes no weight."""

    paper_row: str | None = option(
        None,
        "the row of a paper that records are compared with, by its name in evaluation/papers.py",
    )
    paper_config: str | None = option(
        None,
        "the config with the paper's text, configs/NAME.flags, that a model card compares with",
    )


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """Everything a run is made of; `config.json` is its JSON form."""

    name: str  # what records call it: the flag file's name, or model_dataset
    model: str
    data: DataOptions
    train: TrainOptions
    options: Options
    paper_row: str | None = None
    paper_config: str | None = None

    def to_json(self):
        return {
            "name": self.name,
            "model": self.model,
            "data": dataclasses.asdict(self.data),
            "train": dataclasses.asdict(self.train),
            "options": dataclasses.asdict(self.options),
            "paper_row": self.paper_row,
            "paper_config": self.paper_config,
        }

    @classmethod
    def from_json(cls, fields, options_class, data_class=DataOptions):
        """The config stored as `fields`; options that have been added since keep their default.

        Args:
          fields: what `to_json` made.
          options_class: that of the model.
          data_class: that of the data set.

        Raises:
          UserError: not the fields of a config, or values that no run has.
        """
        check_stored(fields, PARTS)
        known = {field.name for field in dataclasses.fields(data_class)}
        data = {k: v for k, v in fields["data"].items() if k in known or k not in FORMERLY_GENERAL}
        return cls(
            name=fields["name"],
            model=fields["model"],
            data=from_fields(data_class, data),
            train=from_fields(TrainOptions, fields["train"]),
            options=from_fields(options_class, fields["options"]),
            paper_row=fields.get("paper_row"),
            paper_config=fields.get("paper_config"),
        )


def check_stored(fields, parts):
    """Refuses what is no dictionary with these parts, {name: type}.

    Raises:
      UserError: see above.
    """
    if not isinstance(fields, dict):
        raise UserError(f"expected a JSON object. Received: {type(fields).__name__}")
    wrong = [name for name, kind in parts.items() if not isinstance(fields.get(name), kind)]
    if wrong:
        raise UserError(f"expected {', '.join(parts)}; missing or wrong: {', '.join(wrong)}")


def check_training(train, model, name):
    """Refuses a way or a shot that is drawn from nothing, a weight decay that none applies, and what a model
    cannot take.

    Args:
      train: `TrainOptions`.
      model: the `Learner` class.
      name: what it is called.
    """
    if model.one_device and (train.replicas > 1 or train.strategy not in (None, "one")):
        raise UserError(
            f"{name} trains on one device, since an update goes on from the one before; leave out "
            "--strategy and --replicas"
        )
    if train.weight_decay and train.optimizer != "adamw":
        raise UserError(
            f"--weight_decay={train.weight_decay:g} needs --optimizer=adamw, the only one that decays weights. "
            f"Received: {train.optimizer}; say adamw, or leave --weight_decay out"
        )
    for span in ("way", "shot"):
        low, high = getattr(train, f"{span}_from"), getattr(train, span)
        if low is not None and low > high:
            raise UserError(f"--{span} must be low:high. Received: {low}:{high}")
        if low is not None and model.one_size:
            raise UserError(
                f"--{span} must be one number: sequences all have one length. Received: {low}:{high}"
            )
