"""One run: data, model and loop put together from a `RunConfig`. What the commands call."""

import dataclasses
import sys

from oneshot_tf import data, models
from oneshot_tf.training import cluster
from oneshot_tf.runs import encoder_weights
from oneshot_tf.training import devices
from oneshot_tf.runs import workdirs
from oneshot_tf.data import splits
from oneshot_tf.data.download import DownloadError
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import perplexity, protocols
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions, check_training
from oneshot_tf.sampling import few_shot, labelled, pipeline, sequence, source, text
from oneshot_tf.training import loop, projector, replication
from oneshot_tf.training.checkpoints import restore_weights
from oneshot_tf.training.logging import write_hparams


def load_pictures(options, *, vary=False):
    """The data set of `DataOptions`, at the size that pictures are varied at where `vary`."""
    size = options.augment_size if vary else options.image_size
    return data.load(dataclasses.replace(options, image_size=size))


def with_data(config):
    """The config with data that is really there: Omniglot gives way to glyphs, loudly.

    Returns:
      (config, data set at full size where pictures are varied, `Split`).
    """
    vary = source.varies(config.data)
    try:
        dataset = load_pictures(config.data, vary=vary)
    except DownloadError as error:
        if config.data.dataset != "omniglot":
            raise
        print(
            f"{error}\n*** No Omniglot: training goes on with the built-in glyphs. ***",
            file=sys.stderr,
        )
        substitute = dataclasses.replace(config.data, dataset="glyphs", split=None)
        name = config.name.replace("omniglot", "glyphs")
        config = dataclasses.replace(config, name=name, data=substitute)
        dataset = load_pictures(config.data, vary=vary)
    split = splits.load(dataset, config.data)
    return with_classes(config, split), dataset, split


def with_classes(config, split):
    """The config of a classifier over all training classes, with their number."""
    if not hasattr(config.options, "train_classes"):
        return config
    count = len(training_classes(config, split)) * (4 if config.data.rotations else 1)
    if config.options.train_classes not in (None, count):
        raise UserError(
            f"--train_classes must be {count}, the training classes that there are; leave it out. "
            f"Received: {config.options.train_classes}"
        )
    return dataclasses.replace(
        config, options=dataclasses.replace(config.options, train_classes=count)
    )


def training_classes(config, split):
    """The names of the classes that train."""
    return split.train + (split.validation if config.train.train_on_validation else ())


def make_learner(config):
    """The model, built."""
    model = models.find(config.model)
    return model(
        config.options,
        way=config.train.way,
        image_size=config.data.image_size,
        channels=config.data.channels,
        vocabulary=data.find(config.data.dataset).vocabulary,
        precision=config.train.precision,
        name=config.model,
    )


def make_sampler(learner, config, population, stream, batch, seed):
    """A sampler of what the model trains on or, elsewhere than in training, of what it answers."""
    train = config.train
    common = {"seed": seed, "stream": stream, "batch": batch}
    if learner.episode == "sequence":
        return sequence.sampler(
            population,
            **common,
            way=train.way,
            per_class=train.shot,
            num_labels=learner.num_labels,
            counts=train.counts if stream == "train" else "equal",
        )
    if stream != "train":
        way, shot = validation_setting(train, population.people.num_classes)
        sizes = {"way": way, "shot": shot, "queries": train.queries}
        return few_shot.sampler(population, **common, **sizes, told=learner.oracle)
    if learner.episode == "text":
        words = population.dataset.text(*("train", "validation")[: 1 + train.train_on_validation])
        return text.sampler(words, **common, steps=learner.unrolled)
    if learner.episode == "labelled":
        return labelled.sampler(population, **common)
    return few_shot.sampler(
        population,
        **common,
        way=train.way,
        shot=train.shot,
        queries=train.queries,
        way_from=train.way_from,
        shot_from=train.shot_from,
        whole_batch=train.batch_size,
    )


def validation_setting(train, classes):
    """(way, shot) of validation: the hardest of those trained on, which tells models apart.

    Args:
      train: `TrainOptions`.
      classes: how many validation classes there are; the way is at most that.
    """
    return min(train.way, classes), train.shot_from or train.shot


@pipeline.user_errors()
def train(config, workdir, draw=None):
    """Trains a model, or goes on training it.

    Args:
      config: `RunConfig`.
      workdir: the run's folder.
      draw: (learner, episode) -> {name: picture} for TensorBoard, or None.

    Returns:
      The learner.
    """
    strategy = devices.setup(config.train)
    lost = cluster.one_line_losses(replication.losses(strategy))
    with lost, replication.folder(strategy, workdir) as workdir:
        config, dataset, split = with_data(devices.with_replicas(config, strategy))
        replication.check_equal(strategy, workdirs.fingerprint(config, dataset, split))
        # what cannot be trained is refused before its folder is made
        encoder_weights.check(config.options, split.test, split.sha256())
        learner, sample = make_training(config, dataset, split, strategy)
        encoder_weights.start(learner, config, workdir)
        kept = learner if strategy.num_replicas_in_sync == 1 else make_learner(config)
        hooks = make_hooks(kept, config, dataset.select(split.validation), draw, workdir)
        workdirs.prepare(workdir, config, dataset, split)
        write_hparams(workdir, config)
        loop.train(learner, sample, config.train, workdir, strategy, hooks, kept)
        return kept


def make_training(config, dataset, split, strategy):
    """(learner, sampler of one replica's training episodes): what a run and a benchmark train."""
    population = source.make(
        dataset.select(training_classes(config, split)),
        config.data,
        rotations=config.data.rotations,
        vary=source.varies(config.data),
        train=True,
    )
    with strategy.scope():
        learner = make_learner(config)
    share = config.train.batch_size // strategy.num_replicas_in_sync
    sample = make_sampler(learner, config, population, "train", share, config.train.seed)
    return learner, sample


def make_hooks(learner, config, held_out, draw, workdir):
    """Validation, pictures and the projector's embeddings, on the validation classes."""
    classes = held_out.num_classes * (4 if config.data.test_rotations else 1)
    needed = config.train.way if learner.episode == "sequence" else 2
    if classes < needed:
        print(f"Nothing validates: {classes} validation classes, way {config.train.way}")
        return loop.Hooks()
    population = test_population(config, held_out)
    batch = protocols.BATCH
    if learner.episode != "sequence":
        way, shot = validation_setting(config.train, classes)
        batch = protocols.fitting_batch(way * (shot + config.train.queries))
    sample = make_sampler(learner, config, population, "validation", batch, 0)
    draw = None if learner.vocabulary else draw  # figures are of pictures
    embedded = pictures_to_embed(learner, config, held_out) if draw else None

    def validate():
        found = measure(learner, config, sample, config.train.validation_episodes, batch)
        means = [value["mean"] for value in found.values()]
        # the first presentation is a guess: it does not choose a checkpoint
        score = sum(means[1:]) / len(means[1:]) if len(means) > 1 else means[0]
        if learner.episode == "text":  # the less surprised the better
            surprise = perplexity.measure(learner, held_out.text("validation"))
            return -surprise, {"accuracy": score, "perplexity": surprise}, None
        return score, {"accuracy": score}, means if len(means) > 1 else None

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
    return projector.choose(shrink(held_out, config) if source.varies(config.data) else held_out)


def test_population(config, dataset):
    """The `Source` that validation and tests draw from; `dataset` is at its stored size."""
    return source.make(
        dataset
        if config.data.augment_test or not source.varies(config.data)
        else shrink(dataset, config),
        config.data,
        rotations=config.data.test_rotations,
        vary=config.data.augment_test and source.varies(config.data),
    )


def shrink(dataset, config):
    """The same classes at the model's picture size."""
    return load_pictures(config.data).select(dataset.class_names)


def measure(learner, config, sample, episodes, batch):
    """Accuracies of one protocol run on the kind of episode that the model answers."""
    if learner.episode == "sequence":
        return protocols.sequence(learner, sample, episodes, config.train.shot)
    return {"queries": protocols.few_shot(learner, sample, episodes, batch)}


def load(workdir, checkpoint=None, **changed):
    """A trained model of a workdir, computing in float32 whatever precision it was trained in.

    Args:
      workdir: the run's folder.
      checkpoint: "best" or "last"; None is best where validation chose one.
      **changed: options of the model that are others at test, those of no weight (`bn`, `orders`).

    Returns:
      (learner, `RunConfig`, {"episodes", "seconds", "checkpoint"}).
    """
    config = workdirs.read_config(workdir)
    if changed.get("orders", 1) > 1 and not getattr(config.options, "fce", True):
        raise UserError("--orders needs a run with --fce; without, no order matters")
    unknown = set(changed) - {field.name for field in dataclasses.fields(config.options)}
    if unknown:
        raise UserError(f"{config.model} has no option --{sorted(unknown)[0]}; leave it out")
    tested = dataclasses.replace(
        config,
        options=dataclasses.replace(config.options, **changed),
        train=dataclasses.replace(config.train, precision="float32"),
    )
    learner = make_learner(tested)
    which = checkpoint or workdirs.usual_checkpoint(workdir, config)
    updates, seconds = restore_weights(learner, workdir, which)
    trained = {
        "episodes": updates * config.train.batch_size,
        "seconds": round(seconds),
        "checkpoint": which,
    }
    return learner, config, trained
