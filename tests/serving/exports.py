"""A run that was never trained, for what needs a workdir but no skill."""

import numpy as np
import tensorflow as tf

from oneshot_tf.commands import configs
from oneshot_tf.data import splits
from oneshot_tf.runs import experiment, workdirs
from oneshot_tf.training import checkpoints, optimizers

SIZE, WAY = 8, 3
SMALL = (
    "--model=flmn", "--dataset=folder", f"--image_size={SIZE}", f"--way={WAY}", "--shot=2",
    "--batch_size=4", "--controller=lstm", "--hidden_size=16", "--rows=8", "--width=6",
    "--encoder=conv", "--filters=4", "--blocks=1",
)  # fmt: skip


def make_run(workdir, dataset, *words, small=SMALL, name=None, updates=10):
    """Writes a workdir with a last and a best checkpoint of random weights.

    Args:
      workdir: the folder to make.
      dataset: what it says it was trained on; at least 6 classes.
      *words: flags on top of `small`.
      small: the flags of a small model.
      name: of the config.
      updates: how many updates it says it was trained for.

    Returns:
      (learner, `RunConfig`).
    """
    config = configs.make_config(configs.parse(["test", *small, *words]), name)
    config = experiment.with_precision(config)
    split = splits.shuffled(dataset.class_names, 0)
    workdirs.prepare(workdir, workdirs.description(config, dataset, split))
    learner = experiment.make_learner(config)
    shake(learner)
    kept = checkpoints.Checkpoints(workdir, learner, optimizers.make(config.train), 3)
    kept.updates.assign(updates)
    kept.save()
    kept.save_if_best(0.5)
    return learner, config


def shake(learner):
    """Weights far from the first ones: answers that differ from class to class."""
    random = np.random.default_rng(0)
    for weight in learner.trainable_variables:
        weight.assign_add(0.5 * random.standard_normal(weight.shape).astype(np.float32))


def request(batch=2, support=6, queries=4, way=WAY, size=SIZE, seed=0):
    """Arguments of `classify`: random pictures, labels in turn."""
    random = np.random.default_rng(seed)
    labels = np.tile(np.arange(support) % way, (batch, 1)).astype(np.int64)
    return {
        "support_images": random.random((batch, support, size, size, 1), np.float32),
        "support_labels": labels,
        "query_images": random.random((batch, queries, size, size, 1), np.float32),
    }


def tensors(arguments):
    return {name: tf.constant(value) for name, value in arguments.items()}


def tensor_names(path, signature):
    """({argument: tensor name}, {result: tensor name}) of a signature of a SavedModel."""
    from tensorflow.python.saved_model import loader_impl

    graph = loader_impl.parse_saved_model(str(path)).meta_graphs[0]
    found = graph.signature_def[signature]
    return tuple({k: v.name for k, v in part.items()} for part in (found.inputs, found.outputs))


def drawing(random, height, width, channels):
    """A rough drawing: dark strokes on bright, slightly uneven paper."""
    pixels = np.full((height, width, channels), 235, np.uint8)
    pixels -= random.integers(0, 8, pixels.shape, np.uint8)
    pixels[height // 3 : height // 2, width // 4 : 3 * width // 4] = 20
    return pixels[..., 0] if channels == 1 else pixels
