"""What a test asks where little is said."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode, SequenceEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.runs import plans
from oneshot_tf.sampling import few_shot, sequence
from oneshot_tf.test_options import TestOptions
from tests.sampling.helpers import assert_equal_episodes


def settings(fixed=None, vocabulary=0, there=100, **said):
    learner = SimpleNamespace(fixed_way=fixed, vocabulary=vocabulary)
    source = SimpleNamespace(population=SimpleNamespace(num_classes=there))
    return plans.settings_of(learner, source, TestOptions(**said))


@pytest.mark.parametrize(
    "said, expected",
    [
        ({}, [(5, 1), (5, 5), (20, 1), (20, 5)]),
        ({"way": (5,)}, [(5, 1), (5, 5)]),
        ({"way": (5, 20)}, [(5, 1), (5, 5), (20, 1), (20, 5)]),
        ({"way": (7,)}, [(7, 1), (7, 5)]),
        ({"shot": (5,)}, [(5, 5), (20, 5)]),
        ({"shot": (1, 3)}, [(5, 1), (5, 3), (20, 1), (20, 3)]),
        ({"way": (3, 4), "shot": (2, 1)}, [(3, 2), (3, 1), (4, 2), (4, 1)]),
        ({"vocabulary": 9}, [(5, 1), (5, 2), (5, 3)]),
        ({"fixed": 5}, [(5, 1), (5, 5)]),
        ({"fixed": 3, "shot": (2,)}, [(3, 2)]),
        ({"there": 4}, [(4, 1)]),
    ],
)
def test_what_is_not_said_is_usual(said, expected):
    assert settings(**said) == expected


def test_more_ways_than_a_model_tells_apart_are_refused():
    with pytest.raises(UserError, match="--way must be at most 5, as trained. Received: 20"):
        settings(fixed=5, way=(5, 20))


@pytest.mark.parametrize(
    "plan, said, words",
    [
        (plans.sequence_plan, {"views": 4}, "--views is for queries after a support set"),
        (plans.sequence_plan, {"finetune_steps": 3}, "--finetune_steps is for queries"),
        (plans.sequence_plan, {"finetune_rate": 0.1}, "--finetune_rate is for queries"),
        (plans.sequence_plan, {"finetune_match": "softmax"}, "--finetune_match is for queries"),
        (plans.sequence_plan, {"eval_queries": 2}, "--eval_queries is for queries"),
        (
            plans.few_shot_plan,
            {"rounds": True},
            "--rounds is for sequences; use --protocol=sequence",
        ),
    ],
)
def test_what_the_protocol_does_not_read_is_refused(plan, said, words):
    learner = SimpleNamespace(answers=(SequenceEpisode,))
    with pytest.raises(UserError, match=words):
        plan(learner, SimpleNamespace(train=None), None, TestOptions(**said))


def test_a_sequence_of_more_classes_than_there_are():
    learner = SimpleNamespace(answers=(SequenceEpisode,), fixed_way=5)
    learner.test_conditions = lambda: {"bn": "running"}
    config = SimpleNamespace(train=SimpleNamespace(way=5, shot=3))
    source = SimpleNamespace(population=SimpleNamespace(num_classes=2))
    words = "needs 5 classes, as trained. Received: 2; test by --protocol=few_shot, or train with --way=2"
    with pytest.raises(UserError, match=words):
        plans.sequence_plan(learner, config, source, TestOptions())


def test_rounds_are_refused_where_no_sequences_are_answered():
    learner = SimpleNamespace(answers=(FewShotEpisode,))
    with pytest.raises(
        UserError, match="--rounds is for models that answer sequences; leave it out"
    ):
        plans.few_shot_plan(learner, SimpleNamespace(train=None), None, TestOptions(rounds=True))


@pytest.mark.parametrize("seed, part", [(0, "test"), (1, "test"), (0, "validation")])
def test_episodes_are_of_the_seed_and_the_part_asked_for(make_dataset, make_source, seed, part):
    population, first = make_source(make_dataset([6] * 5)), tf.constant(3, tf.int64)
    test, same = TestOptions(eval_seed=seed, part=part), {"seed": seed, "stream": part, "batch": 2}
    found = plans.few_shot_sampler(population, 3, 1, 2, test, batch=2)(first)
    expected = few_shot.sampler(population, way=3, shot=1, queries=2, **same)(first)
    assert_equal_episodes(found, expected)
    learner = SimpleNamespace(fixed_way=None)
    found = plans.sequence_sampler(learner, 3, 2, population, test, batch=2)(first)
    assert_equal_episodes(found, sequence.sampler(population, way=3, per_class=2, **same)(first))


@pytest.mark.parametrize(
    "alone, said, once",
    [(True, {}, True), (False, {}, False), (True, {"finetune_steps": 2}, False)],
)
def test_pictures_are_embedded_once_only_where_an_embedding_is_of_its_picture_alone(
    make_dataset, make_source, monkeypatch, alone, said, once
):
    """Not where statistics of the episode, or steps on its support, change the embeddings."""
    learner = SimpleNamespace(
        embeds_alone=alone,
        features=lambda images: tf.reshape(images, [-1, 64]),
        answer_embedded=None,
        vocabulary=0,
        image_shape=(8, 8, 1),
        answers=(),
    )
    asked = []
    monkeypatch.setattr(
        plans.protocols, "few_shot", lambda _, sample, *rest: asked.append(sample.source)
    )
    population = make_source(make_dataset([4] * 3))
    plans.measure_few_shot(learner, population, [(2, 1)], 2, None, TestOptions(**said))
    assert [drawn_from.features is not None for drawn_from in asked] == [once]
