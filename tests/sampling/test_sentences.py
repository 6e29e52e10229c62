"""Episodes of sentences: blanks, what is shown twice, which words are drawn."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.data.sentences import BLANK, BLANK_WORD, PADDING, Sentences, encode
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions
from oneshot_tf.sampling import few_shot, labelled, pipeline, source

BATCH = 8


@pytest.fixture(scope="module")
def dataset():
    """20 words in 90 sentences of 3 to 6 words; word `w19` is in two sentences alone."""
    random = np.random.default_rng(0)
    names = [f"w{i}" for i in range(20)]
    lines = [list(random.choice(names[:19], random.integers(3, 7))) for _ in range(90)]
    lines[0].append("w19")
    lines[1].append("w19")
    vocabulary = ("", BLANK_WORD, *names)
    rows = [[r for r, line in enumerate(lines) if name in line] for name in names]
    return Sentences(
        "s",
        encode(lines, vocabulary),
        np.concatenate(rows).astype(np.int32),
        np.cumsum([0, *map(len, rows)]),
        tuple(names),
        vocabulary,
    )


@pytest.fixture(scope="module")
def population(dataset):
    return source.make(dataset, DataOptions(), rotations=False, vary=False)


def draw(population, first=0, **sizes):
    sizes = {"way": 5, "shot": 2, "queries": 1} | sizes
    sample = few_shot.sampler(population, seed=0, stream="train", batch=BATCH, **sizes)
    return sample(tf.constant(first, tf.int64))


def originals(dataset, sentence, names):
    """Which sentences, with one of `names` blanked, read like this one: {(row, name)}."""
    return {
        (row, name)
        for name in names
        for row in range(len(dataset.tokens))
        if (np.where(dataset.tokens[row] == name, BLANK, dataset.tokens[row]) == sentence).all()
    }


def test_every_sentence_has_its_blanks_and_none_is_shown_twice(dataset, population):
    for first in (0, BATCH):
        episode = draw(population, first)
        for b in range(BATCH):
            shown = np.concatenate([episode.support[b], episode.query[b]])
            assert (shown == BLANK).any(axis=1).all()
            found = [originals(dataset, sentence, dataset.words) for sentence in shown]
            assert all(found)
            labels = np.concatenate([episode.support_labels[b], episode.query_labels[b]])
            assert np.bincount(labels).tolist() == [3] * 5
            for label in range(5):
                # one word explains all sentences of a class, and is in none of them
                own = [found[i] for i in np.flatnonzero(labels == label)]
                words = set.intersection(*({word for _, word in one} for one in own))
                assert words
                assert all(not (shown[labels == label] == word).any() for word in words)
            rows = [{row for row, _ in one} for one in found]
            certain = [next(iter(one)) for one in rows if len(one) == 1]
            assert len(set(certain)) == len(certain)


def test_words_with_too_few_sentences_are_passed_over(dataset, population):
    alone = dataset.words[19]
    for first in range(0, 80, BATCH):
        episode = draw(population, first)
        for b in range(BATCH):
            shown = np.concatenate([episode.support[b], episode.query[b]])
            # sentences 0 and 1 are all that have it: where it is there, it is not blanked
            assert not any(alone in {w for _, w in originals(dataset, s, [alone])} for s in shown)


def test_an_episode_does_not_depend_on_the_others(population):
    several, later = draw(population), draw(population, 3)
    np.testing.assert_array_equal(several.support[3:], later.support[:-3])
    np.testing.assert_array_equal(several.query[3:], later.query[:-3])


def test_way_and_shot_may_vary(population):
    found = set()
    sample = few_shot.sampler(
        population,
        seed=0,
        stream="train",
        batch=2,
        way=5,
        shot=3,
        queries=1,
        way_from=2,
        shot_from=1,
    )
    for first in range(30):
        episode = sample(tf.constant(2 * first, tf.int64))
        way = int(tf.reduce_max(episode.support_labels)) + 1
        found.add((way, episode.support.shape[1] // way))
        assert (episode.support != PADDING).numpy().any(axis=2).all()
    assert {way for way, _ in found} == {2, 3, 4, 5} and {s for _, s in found} == {1, 2, 3}


def test_labels_are_in_every_order(population):
    """One query a class, class by class: their labels are the order in which labels were given."""
    firsts = range(0, 160, BATCH)
    orders = np.concatenate([draw(population, first, way=3).query_labels for first in firsts])
    found, counts = np.unique(orders, axis=0, return_counts=True)
    share = len(orders) / 6
    assert len(found) == 6 and np.abs(counts - share).max() < 4 * np.sqrt(share * 5 / 6)


def test_what_cannot_be_filled_is_refused(population):
    with pytest.raises(UserError, match="need 22 classes with as many. Received: 19 of s"):
        draw(population, way=10)
    with pytest.raises(UserError, match="lower --way, --shot or --queries"):
        draw(population, shot=60)


def test_an_oracle_is_told_the_words_of_the_same_episodes(dataset, population):
    plain, told = draw(population), draw(population, told=True)
    np.testing.assert_array_equal(told.query, plain.query)
    np.testing.assert_array_equal(told.query_labels, plain.query_labels)
    for b in range(BATCH):
        assert len(set(told.words[b].numpy())) == 5
        for sentence, label in zip(
            told.query[b].numpy(), told.query_labels[b].numpy(), strict=True
        ):
            filled = np.where(sentence == BLANK, told.words[b, label], sentence)
            assert (dataset.tokens == filled).all(axis=1).any()
            assert not (sentence == told.words[b, label].numpy()).any()


def test_others_are_told_no_word(population):
    assert type(draw(population))._fields == ("support", "support_labels", "query", "query_labels")


def test_sentences_are_in_memory(population):
    sample = few_shot.sampler(population, seed=0, stream="train", batch=1, way=5, shot=1, queries=1)
    assert not pipeline.reads_files(sample)


def test_labelled_sentences(population, dataset):
    """What a classifier of all training words is trained on: the blanked word is the label."""
    sample = labelled.sampler(population, seed=0, stream="train", batch=64)
    sentences, labels = (part.numpy() for part in sample(tf.constant(0, tf.int64)))
    assert sentences.shape == (64, dataset.tokens.shape[1]) and len(set(labels)) > 10
    for sentence, label in zip(sentences, labels, strict=True):
        word = dataset.words[label]
        assert any(found == word for _, found in originals(dataset, sentence, [word]))
