"""One run: data, model and loop put together from a `RunConfig`."""

import dataclasses
import pathlib
import sys
import typing

from oneshot_tf import data, models
from oneshot_tf.data import splits
from oneshot_tf.data.download import DownloadError
from oneshot_tf.errors import UserError
from oneshot_tf.runs import encoder_weights, kinds, lock, workdirs
from oneshot_tf.sampling import pipeline
from oneshot_tf.sampling import source as sources
from oneshot_tf.training import cluster, devices, loop, projector, replication
from oneshot_tf.training.checkpoints import restore_weights
from oneshot_tf.training.logging import write_hparams


class Trained(typing.NamedTuple):
    """What `train` leaves.

    Attributes:
      learner: the model, with its last weights.
      config: the `RunConfig`, with the data that was really used.
      workdir: the run's folder.
    """

    learner: typing.Any
    config: typing.Any
    workdir: pathlib.Path


def load_pictures(options, *, vary=False):
    """The data set of `DataOptions`, at the size that pictures are varied at where `vary`."""
    if vary and options.augment_size < options.image_size:
        raise UserError(
            "--augment_size must be at least --image_size where pictures are turned, shifted, slanted or "
            f"stretched: smaller ones would be enlarged. Received: {options.augment_size} and "
            f"{options.image_size}; say --augment_size={options.image_size} or more"
        )
    size = options.augment_size if vary else options.image_size
    return data.load(dataclasses.replace(options, image_size=size))


def with_data(config, substitute=True):
    """The config with data that is really there.

    Args:
      config: `RunConfig`.
      substitute: Omniglot, where it cannot be had, gives way to glyphs, loudly.

    Returns:
      (config, data set at full size where pictures are varied, `Split`).
    """
    vary = sources.varies(config.data)
    try:
        dataset = load_pictures(config.data, vary=vary)
    except DownloadError as error:
        if config.data.dataset != "omniglot" or not substitute:
            raise
        print(
            f"{error}\n*** No Omniglot: training goes on with the built-in glyphs. ***",
            file=sys.stderr,
        )
        glyphs = dataclasses.replace(config.data, dataset="glyphs", split=None)
        name = config.name.replace("omniglot", "glyphs")
        config = dataclasses.replace(config, name=name, data=glyphs)
        dataset = load_pictures(config.data, vary=vary)
    split = splits.load(dataset, config.data)
    return with_classes(config, split), dataset, split


def with_classes(config, split):
    """The config of a model that has to know the number of training classes, with it."""
    count = len(training_classes(config, split)) * (4 if config.data.rotations else 1)
    options = models.find(config.model).options_for(config.options, count)
    return config if options is config.options else dataclasses.replace(config, options=options)


def training_classes(config, split):
    """The names of the classes that train."""
    return split.train + (split.validation if config.train.train_on_validation else ())


def with_precision(config, workdir=None):
    """The config with the precision that `--precision=auto` means here.

    Args:
      config: `RunConfig`.
      workdir: a run's folder: one that is resumed goes on as it began, on whatever machine.
    """
    if config.train.precision != "auto":
        return config
    if workdir is not None and (pathlib.Path(workdir) / "config.json").is_file():
        precision = workdirs.read_config(workdir).train.precision
    else:
        halves = models.find(config.model).halves.items()
        suits = halves and all(getattr(config.options, k, None) == v for k, v in halves)
        pictures = not data.find(config.data.dataset).vocabulary
        half = suits and pictures and devices.faster_in_half()
        precision = "mixed_bfloat16" if half else "float32"
    train = dataclasses.replace(config.train, precision=precision)
    return dataclasses.replace(config, train=train)


def make_learner(config, **given):
    """The model, built.

    Args:
      config: `RunConfig`.
      **given: what options cannot hold, see `load`.
    """
    config = with_precision(config)
    model = models.find(config.model)
    return model(
        config.options,
        way=config.train.way,
        image_size=config.data.image_size,
        channels=config.data.channels,
        vocabulary=data.find(config.data.dataset).vocabulary,
        precision=config.train.precision,
        name=config.model,
        **given,
    )


def default_workdir(config):
    """Where a run goes that names no folder: by the data that is really used."""
    return f"runs/{config.model}-{config.data.dataset}"


@pipeline.user_errors()
def train(config, workdir=None, draw=None, *, quiet=False, substitute=True, **given):
    """Trains a model, or goes on training it.

    Args:
      config: `RunConfig`.
      workdir: the run's folder, or None for `default_workdir`.
      draw: (learner, episode) -> {name: picture} for TensorBoard, or None.
      quiet: prints nothing.
      substitute: as of `with_data`.
      **given: what the model is given from Python, see `load`.

    Returns:
      `Trained`.
    """
    strategy = devices.setup(config.train)
    with cluster.one_line_losses(replication.losses(strategy)):
        config = devices.with_replicas(config, strategy)
        config, dataset, split = with_data(config, substitute)
        workdir = pathlib.Path(workdir or default_workdir(config))
        config = with_precision(config, workdir)
        with replication.folder(strategy, workdir) as own:
            found = workdirs.description(config, dataset, split)
            replication.check_equal(strategy, workdirs.fingerprint(found))
            # what cannot be trained is refused before its folder is made
            encoder_weights.check(config.options, split.test, split.sha256())
            learner, sample = make_training(config, dataset, split, strategy, **given)
            encoder_weights.start(learner, config, own)
            alone = strategy.num_replicas_in_sync == 1
            kept = learner if alone else make_learner(config, **given)
            hooks = make_hooks(kept, config, dataset, split.validation, draw, own, quiet)
            words = getattr(dataset, "vocabulary", None)
            del dataset  # its parts are copies; the whole would be held as long as the run
            with lock.held(own):
                workdirs.prepare(own, found, words)
                write_hparams(own, config)
                loop.train(learner, sample, config.train, own, strategy, hooks, kept, quiet)
                workdirs.finish(own)
    return Trained(kept, config, workdir)


def make_training(config, dataset, split, strategy, **given):
    """(learner, sampler of one replica's training episodes): what a run and a benchmark train."""
    source = sources.make(
        dataset.select(training_classes(config, split)),
        config.data,
        rotations=config.data.rotations,
        vary=sources.varies(config.data),
        train=True,
    )
    with strategy.scope():
        learner = make_learner(config, **given)
    share = config.train.batch_size // strategy.num_replicas_in_sync
    return learner, kinds.of(learner).training(learner, config, source, share)


def make_hooks(learner, config, dataset, names, draw, workdir, quiet=False):
    """Validation, pictures and the projector's embeddings, on the validation classes, by their names."""
    kind = kinds.of(learner)
    classes = len(names) * (4 if config.data.test_rotations else 1)
    if classes < kind.classes_needed(config.train):
        if not quiet:
            print(f"Nothing validates: {classes} validation classes, way {config.train.way}")
        return loop.Hooks()
    held_out = dataset.select(names)
    sample, batch = kind.validation(learner, config, held_out_source(config, held_out))
    draw = None if learner.vocabulary else draw  # figures are of pictures
    embedded = pictures_to_embed(learner, config, held_out) if draw else None

    def validate():
        return kind.validate(learner, config, sample, batch, held_out)

    def pictures():
        if embedded is not None:
            projector.update(workdir, learner, *embedded)
        return draw(learner, sample(0))

    trains_on_them = config.train.train_on_validation
    return loop.Hooks(
        validate=None if trains_on_them else validate, draw=pictures if draw else None
    )


def pictures_to_embed(learner, config, held_out):
    """(pictures, names of their classes) for the projector; None where it gets none."""
    if not config.train.figures_every or learner.embed(learner.blank()) is None:
        return None
    return projector.choose(shrink(held_out, config) if sources.varies(config.data) else held_out)


def held_out_source(config, dataset):
    """The `Source` that validation and tests draw from; `dataset` is at its stored size."""
    varied = config.data.augment_test and sources.varies(config.data)
    return sources.make(
        dataset if varied or not sources.varies(config.data) else shrink(dataset, config),
        config.data,
        rotations=config.data.test_rotations,
        vary=varied,
    )


def shrink(dataset, config):
    """The same classes at the model's picture size."""
    return load_pictures(config.data).select(dataset.class_names)


def load(workdir, checkpoint=None, changed=None, **given):
    """A trained model of a workdir, computing in float32 whatever precision it was trained in.

    Args:
      workdir: the run's folder.
      checkpoint: "best" or "last"; None is best where validation chose one.
      changed: {option: value} of the model's `test_options` that are others now, or None.
      **given: what the model was given from Python when it was trained; options cannot hold it.

    Returns:
      (learner, `RunConfig`, {"episodes", "seconds", "checkpoint"}).
    """
    config = workdirs.read_config(workdir)
    changed = changed or {}
    unknown = sorted(set(changed) - set(models.find(config.model).test_options))
    if unknown:
        raise UserError(f"{config.model} has no option --{unknown[0]}; leave it out")
    tested = dataclasses.replace(
        config,
        options=dataclasses.replace(config.options, **changed),
        train=dataclasses.replace(config.train, precision="float32"),
    )
    learner = make_learner(tested, **given)
    which = checkpoint or workdirs.usual_checkpoint(workdir, config)
    updates, seconds = restore_weights(learner, workdir, which)
    trained = {
        "episodes": updates * config.train.batch_size,
        "seconds": round(seconds),
        "checkpoint": which,
    }
    return learner, config, trained
