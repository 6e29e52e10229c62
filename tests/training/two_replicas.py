"""What happens on two halves of the CPU: `python -m tests.training.two_replicas PICTURES`.

A process of its own, since devices are made once. The last line is what the tests look at, as JSON.
"""

import json
import sys

import numpy as np
import tensorflow as tf

from oneshot_tf import models
from oneshot_tf.data import folder
from oneshot_tf.run_config import DataOptions, TrainOptions
from oneshot_tf.sampling import few_shot, source
from oneshot_tf.training import devices, loop, optimizers
from oneshot_tf.training.replication import Replication, Trained, everything, exchange

OPTIONS = TrainOptions(way=4, shot=2, batch_size=4, replicas=2, learning_rate=0.1, optimizer="sgd")
MOMENTUM = 0.98
SIZES = {"way": 4, "shot": 2, "queries": 2, "way_from": 2, "shot_from": 1, "whole_batch": 4}


def make_trained():
    """A small `prototypical`, which has batch norm, and its optimiser."""
    model = models.find("prototypical")
    learner = model(model.Options(filters=2, blocks=1), way=4, image_size=8, channels=1)
    optimizer = optimizers.make(OPTIONS)
    optimizer.build(learner.trainable_variables)
    return Trained(learner, optimizer)


def make_sampler(pictures, read):
    """Half a batch of few-shot episodes, of way and shot drawn by batch."""
    options = DataOptions(dataset="folder", image_size=8, read=read)
    population = source.make(folder.load(pictures, options), options, rotations=True, vary=False)
    return few_shot.sampler(population, seed=0, stream="train", batch=2, **SIZES)


def train(strategy, trained, sample, num):
    """The numbers of updates 0 .. num - 1, as lists."""
    steps = loop.make_train_steps(*trained, sample, OPTIONS, strategy)
    result = steps(tf.constant(0, tf.int64), tf.constant(num, tf.int64))
    return {name: result[name].numpy().tolist() for name in ("loss", "gradient_norm", "right")}


def first_means(trained, sample):
    """The running mean of the first block after one update, over both halves of the batch."""
    kernel, found = trained.learner.embedding.learned[0].kernel, []
    for first in (0, 2):
        episode = sample(tf.constant(first, tf.int64))
        images = tf.concat([episode.support, episode.query], axis=1)
        features = tf.nn.conv2d(tf.reshape(images, [-1, 8, 8, 1]), kernel, 1, "SAME")
        found.append(tf.reduce_mean(features, [0, 1, 2]).numpy())
    return ((1.0 - MOMENTUM) * np.mean(found, axis=0)).tolist()


def moments_of_replicas(strategy, sample):
    """Reptile's second moments on each device, before two updates' call has ended."""
    model = models.find("reptile")
    with strategy.scope():
        learner = model(model.Options(filters=2, blocks=1), way=4, image_size=8, channels=1)
        optimizer = optimizers.make(OPTIONS)
        optimizer.build(learner.trainable_variables)
    train(strategy, Trained(learner, optimizer), sample, 2)
    return [
        [part.numpy().tolist() for part in strategy.experimental_local_results(moment)]
        for moment in learner.moments
    ]


def values(variables):
    return [variable.numpy().tolist() for variable in variables]


def main(pictures):
    strategy = devices.setup(OPTIONS)
    with strategy.scope():
        trained = make_trained()
    kept = make_trained()
    replication = Replication(strategy, trained, kept)
    told = {"exchanged": exchange(strategy)(7), "agreed": replication.agree(130)}
    start = values(everything(*kept))
    memory, files = (make_sampler(pictures, read) for read in ("memory", "files"))
    told["means"] = first_means(kept, memory)
    train(strategy, trained, memory, 1)
    replication.collect()
    told["kept means"] = kept.learner.embedding.running[0][0].numpy().tolist()
    told["kept"] = values(everything(*kept))
    told["replicas"] = [
        [part.numpy().tolist() for part in strategy.experimental_local_results(variable)]
        for variable in everything(*trained)
    ]
    # back to the start, twice: once from memory, once from files
    for name, sample in (("memory", memory), ("files", files)):
        for variable, value in zip(everything(*kept), start, strict=True):
            variable.assign(value)
        replication.spread([])
        told[name] = train(strategy, trained, sample, 3)
    told["moments"] = moments_of_replicas(strategy, memory)
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
