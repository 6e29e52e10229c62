"""What one test asks, put together before anything is measured."""

import functools
import typing

import tensorflow as tf

from oneshot_tf.episodes import ClozeEpisode, SequenceEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import protocols
from oneshot_tf.ops import views
from oneshot_tf.sampling import few_shot, sequence
from oneshot_tf.sampling import source as sources
from oneshot_tf.test_options import TestOptions

MOST_NUMBERS = 5 * 10**7  # of all differences of features of an answer's pairs of pictures
SETTINGS = ((5, 1), (5, 5), (20, 1), (20, 5))  # way and shot of the usual tables
SENTENCES = ((5, 1), (5, 2), (5, 3))  # of the one with sentences
QUERIES = 15  # of a class, where nothing is said
QUERIES_OF_WORDS = 1  # of which there are few sentences


class Plan(typing.NamedTuple):
    """One test.

    Attributes:
      protocol: what the record says of it: {"kind", "way", "shot", ...}.
      keys: names of the settings in the record, as far as they are known beforehand.
      measure: () -> what a protocol gives, by setting or presentation.
      first: () -> its first episode, a batch of one, of the kind that the model draws.
      more: () -> {name: value}, what the record gets besides.
    """

    protocol: dict
    keys: tuple
    measure: typing.Callable
    first: typing.Callable
    more: typing.Callable = dict


def sequence_plan(learner, config, source, test):
    """Accuracy by presentation, in episodes as long as the training's.

    Args:
      learner: a model that answers `SequenceEpisode`.
      config: `RunConfig`.
      source: `Source` of the classes to test on.
      test: `TestOptions`.
    """
    train = config.train
    of_queries = {
        "views": test.views > 1,
        "finetune_steps": test.finetune_steps,
        "finetune_rate": test.finetune_rate != TestOptions.finetune_rate,
        "finetune_match": test.finetune_match != TestOptions.finetune_match,
        "eval_queries": test.eval_queries,
    }
    said = [name for name, value in of_queries.items() if value]
    if said:
        raise UserError(f"--{said[0]} is for queries after a support set; use --protocol=few_shot")
    (way, *ways), (shot, *shots) = test.way or (train.way,), test.shot or (train.shot,)
    if ways or shots:
        raise UserError("--way and --shot must be one number each for sequences")
    if learner.fixed_way and way != train.way:
        raise UserError(f"--way must be {train.way}, as trained. Received: {way}")
    there = source.population.num_classes
    if learner.fixed_way and there < way:
        raise UserError(
            f"A test by sequences needs {way} classes, as trained. Received: {there}; test by "
            f"--protocol=few_shot, or train with --way={max(2, there)}"
        )
    if learner.test_conditions()["bn"] != "running":
        raise UserError("A sequence is answered picture by picture: --bn must be running")
    sampler = functools.partial(sequence_sampler, learner, way, shot, source, test)
    return Plan(
        protocol={
            "kind": "sequence",
            "way": way,
            "shot": shot,
            **({"rounds": True} if test.rounds else {}),
        },
        keys=(),
        measure=lambda: protocols.sequence(learner, sampler(), test.eval_episodes, shot),
        first=lambda: sampler(batch=1)(tf.constant(0, tf.int64)),
    )


def few_shot_plan(learner, config, source, test):
    """Accuracy on queries, for the ways and shots given or the usual ones; as `sequence_plan`."""
    if test.rounds:
        if SequenceEpisode in learner.answers:
            raise UserError("--rounds is for sequences; use --protocol=sequence")
        raise UserError("--rounds is for models that answer sequences; leave it out")
    settings = settings_of(learner, source, test)
    queries = queries_of(learner, test)
    logits_of, described = protocols.answering(
        learner, test.finetune_steps, test.finetune_rate, test.finetune_match, test.views
    )
    ways, shots = (sorted({s[i] for s in settings}) for i in (0, 1))

    def first():
        if learner.fixed_way and SequenceEpisode in learner.answers:  # it draws sequences
            train = config.train
            sample = sequence_sampler(learner, train.way, train.shot, source, test, batch=1)
        else:
            sample = few_shot_sampler(source, *settings[0], queries, test, batch=1)
        return sample(tf.constant(0, tf.int64))

    return Plan(
        protocol={"kind": "few_shot", "way": ways, "shot": shots, "queries": queries, **described},
        keys=tuple(key_of(*setting) for setting in settings),
        measure=lambda: measure_few_shot(learner, source, settings, queries, logits_of, test),
        first=first,
    )


def key_of(way, shot):
    """A setting's name in records."""
    return f"{way}w{shot}s"


def queries_of(learner, test):
    """Queries of a class: as asked, else what the thing that is read has enough of."""
    return test.eval_queries or (QUERIES_OF_WORDS if learner.vocabulary else QUERIES)


def settings_of(learner, source, test):
    """[(way, shot)] of the few-shot protocol: the usual ones where nothing else is said, as far as model
    and data go."""
    ways, shots = test.way, test.shot
    usual = SENTENCES if learner.vocabulary else SETTINGS
    usual_ways, usual_shots = (tuple(dict.fromkeys(values)) for values in zip(*usual, strict=True))
    settings = [(w, s) for w in ways or usual_ways for s in shots or usual_shots]
    if ways is None:
        there = source.population.num_classes
        settings = [s for s in settings if s[0] <= there] or [(there, s) for s in shots or (1,)]
    most = learner.fixed_way
    if most and ways is None:
        return [s for s in settings if s[0] <= most] or [(most, s) for s in shots or (1,)]
    if most and max(ways) > most:
        raise UserError(f"--way must be at most {most}, as trained. Received: {max(ways)}")
    return settings


def measure_few_shot(learner, source, settings, queries, logits_of, test):
    """{setting: accuracy}; every picture is embedded once where that gives the same answers."""
    once = not test.finetune_steps and learner.embeds_alone and not source.varied
    if once:
        source = sources.embedded(source, views.side_by_side(learner.features, test.views))
        logits_of = views.averaged_embedded(learner.answer_embedded, test.views)
    accuracy = {}
    for way, shot in settings:
        batch = protocols.fitting_batch(learner, way * (shot + queries) * test.views)
        if once:
            pairs = way * queries * way * shot * source.features.shape[1]
            batch = max(1, min(protocols.BATCH, MOST_NUMBERS // pairs))
        told = ClozeEpisode in learner.answers
        sample = few_shot_sampler(source, way, shot, queries, test, batch, told)
        found = protocols.few_shot(learner, sample, test.eval_episodes, batch, logits_of)
        accuracy[key_of(way, shot)] = found
    return accuracy


def sequence_sampler(learner, way, shot, source, test, batch=protocols.BATCH):
    """(first) -> sequence episodes of the test."""
    return sequence.sampler(
        source,
        seed=test.eval_seed,
        stream=test.part,
        batch=batch,
        way=way,
        per_class=shot,
        num_labels=learner.num_labels if learner.fixed_way else way,
        rounds=test.rounds,
    )


def few_shot_sampler(source, way, shot, queries, test, batch=protocols.BATCH, told=False):
    """(first) -> few-shot episodes of the test; `told` the words behind the labels, for an oracle."""
    return few_shot.sampler(
        source,
        seed=test.eval_seed,
        stream=test.part,
        batch=batch,
        way=way,
        shot=shot,
        queries=queries,
        told=told,
    )
