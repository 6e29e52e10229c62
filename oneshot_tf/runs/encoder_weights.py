"""Weights that an encoder starts from, and whether they have seen the classes of the test.

Vinyals et al. start Matching Networks from an Inception that was trained on the training classes
alone. The ImageNet weights that everybody has were trained on all 1,000: with these, one-shot
accuracy on ImageNet's classes says nothing, and they are refused unless `--oracle` asks for them.
"""

import hashlib
import pathlib

import tf_keras as keras

from oneshot_tf.data import splits
from oneshot_tf.errors import UserError
from oneshot_tf.files import read_bytes
from oneshot_tf.models import encoders
from oneshot_tf.runs import workdirs
from oneshot_tf.training.checkpoints import first_line, restore_part

PUBLISHED = "imagenet"  # the value of the option that names the weights published with Keras
# MD5 of the files behind it, as Keras checks them: without the top and with it
PUBLISHED_MD5 = ("bcbd6486424b2319ff4ef7d526e38f63", "9a0d58056eeedaa3f26cb7ebd46da564")


def start(learner, config, workdir):
    """Gives the embeddings of a fresh learner the weights that its options name, if any.

    Args:
      learner: a built `FewShotLearner`.
      config: its `RunConfig`.
      workdir: the run's folder; where it has a checkpoint, that has the weights.

    Raises:
      UserError: they cannot be read.
    """
    value = getattr(config.options, "encoder_weights", None)
    if not value or (pathlib.Path(workdir) / "checkpoints" / "checkpoint").is_file():
        return
    layers = {id(x): x for x in (learner.embedding, learner.support_embedding)}
    for layer in layers.values():
        _load(layer, value)


def check(options, test, split_sha256, strict=True):
    """Refuses weights that have seen classes of the test, unless options say `oracle`.

    Args:
      options: a model's options; those without `encoder_weights` pass.
      test: names of the classes to be tested on.
      split_sha256: hash of the split that they are of: a run on this split has not seen them.
      strict: refuse as well where it cannot be told.

    Raises:
      UserError: they have, or it cannot be told.
    """
    value = getattr(options, "encoder_weights", None)
    if not value or options.oracle:
        return
    run = _run_of(value)
    if run:
        config, split = run
        if split["sha256"] == split_sha256 and not getattr(config.options, "oracle", False):
            return
    seen = _seen(value, run)
    if seen is None and not strict:
        return
    if seen is None:
        raise UserError(
            f"--encoder_weights={value} must be of a run whose training classes are known, of a stored "
            "split or of this very one; train it so, or say --oracle for an upper bound"
        )
    common = sorted(seen.intersection(test))
    if common:
        raise UserError(
            f"--encoder_weights={value} has seen {len(common)} of {len(test)} test classes, first "
            f"{common[0]}; train on the training classes (--model=classifier), or say --oracle for an "
            "upper bound"
        )


def _run_of(value):
    """(`RunConfig`, what `config.json` says of the split) of the run that a value names, or None.

    Raises:
      UserError: a folder whose `config.json` is no run's, as of a model from elsewhere.
    """
    path = pathlib.Path(value) / "config.json"
    if value == PUBLISHED or not path.is_file():
        return None
    try:
        stored, config = workdirs.read(value)
    except UserError as error:
        raise UserError(
            f"--encoder_weights={value} must be {PUBLISHED}, a run's workdir or a Keras .h5 file. "
            f"Received: a folder of something else ({first_line(error)})"
        ) from None
    return config, stored["split"]


def _seen(value, run):
    """The classes that weights were trained on, or None where it cannot be told."""
    if run is None:
        return _all_of_imagenet() if _is_published(value) else None
    config, described = run
    before = getattr(config.options, "encoder_weights", None)
    name, dataset = described["name"], config.data.dataset
    earlier = _seen(before, _run_of(before)) if before else frozenset()
    if earlier is None or name not in splits.published_of(dataset):
        return None
    split = splits.stored(name, dataset)
    validation = split.validation if config.train.train_on_validation else ()
    return earlier.union(split.train, validation)


def _all_of_imagenet():
    split = splits.stored("rand", "imagenet")
    return frozenset(split.train + split.validation + split.test)


def _is_published(value):
    if value == PUBLISHED:
        return True
    path = pathlib.Path(value)
    return (
        path.is_file()
        and hashlib.md5(read_bytes(path), usedforsecurity=False).hexdigest() in PUBLISHED_MD5
    )


def _load(layer, value):
    """Gives an `Inception` the weights of the published network, of a run or of a file."""
    run = _run_of(value)
    if run:
        config, _ = run
        if encoders.named(config.options) != "inception":
            raise UserError(
                f"--encoder_weights={value} must be a run with --encoder=inception. Received: a run of "
                f"{config.model} with another encoder"
            )
        restore_part({"embedding": layer}, value, workdirs.usual_checkpoint(value, config))
        return
    if value != PUBLISHED and not pathlib.Path(value).is_file():
        raise UserError(
            f"--encoder_weights={value} must be {PUBLISHED}, a run's workdir or a Keras .h5 file; there "
            "is nothing of that name"
        )
    try:
        if value == PUBLISHED:
            found = keras.applications.InceptionV3(include_top=False, weights=PUBLISHED)
            layer.network.set_weights(found.get_weights())
        else:
            layer.network.load_weights(value)
    except Exception as error:  # whatever h5py or a download raises
        raise UserError(
            f"--encoder_weights={value} must be weights of InceptionV3 without its top, of pictures with "
            f"as many channels ({first_line(error)}); name others"
        ) from None
