import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from oneshot_tf import models
from oneshot_tf.data.sentences import BLANK_WORD
from oneshot_tf.episodes import FewShotEpisode
from oneshot_tf.serving import signatures, text

VOCABULARY = ["", BLANK_WORD, "<unk>", "N", "bonds", "café", "of", "sold", "stock"]
SUPPORT = [f"Sold {BLANK_WORD} of STOCK", f"  {BLANK_WORD}  sold", f"of 12,000.5 {BLANK_WORD} CAFÉ"]
QUERY = [f"{BLANK_WORD} of bonds {BLANK_WORD}", f"whatever {BLANK_WORD} 7 bonds stock"]


def test_tokens():
    found = text.Tokens(VOCABULARY)(tf.constant([SUPPORT]))
    assert found.numpy().tolist() == [[[7, 1, 6, 8], [1, 7, 0, 0], [6, 3, 1, 5]]]
    assert text.Tokens(VOCABULARY)(tf.constant(QUERY))[1].numpy().tolist() == [2, 1, 3, 4, 8]


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(0)
    model = models.find("matching")
    options = model.Options(reader="near", word_width=6)
    return model(
        options, way=5, image_size=28, channels=1, vocabulary=len(VOCABULARY), name="matching"
    )


@pytest.fixture(scope="module")
def served(learner, tmp_path_factory):
    path = tmp_path_factory.mktemp("served")
    names = signatures.save(learner, path, vocabulary=VOCABULARY)
    assert names == ["classify_text", "embed_text"]
    return tf.saved_model.load(str(path)).signatures


def ask(served, support=SUPPORT, labels=(0, 1, 1), query=QUERY):
    return served["classify_text"](
        support_text=tf.constant(support, tf.string),
        support_labels=tf.constant(labels, tf.int64),
        query_text=tf.constant(query, tf.string),
    )


def test_the_export_answers_as_the_model(learner, served):
    tokens = text.Tokens(VOCABULARY)(tf.constant(SUPPORT + QUERY))
    episode = FewShotEpisode(
        tokens[None, :3], tf.constant([[0, 1, 1]]), tokens[None, 3:], tf.constant([[-1, -1]])
    )
    expected = learner.probabilities(learner(episode))[0]
    found = ask(served)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)
    np.testing.assert_array_equal(found["labels"], np.argmax(expected, axis=1))
    alone = ask(served, query=QUERY[:1])  # a longer sentence beside it changes nothing
    np.testing.assert_allclose(alone["probabilities"][0], expected[0], atol=1e-6)
    embedded = served["embed_text"](text=tf.constant(QUERY))["embeddings"]
    np.testing.assert_allclose(embedded, learner.embed(tokens[3:]), atol=1e-6)


def test_what_the_treebank_writes_for_a_number_is_one():
    found = text.Tokens(VOCABULARY)(tf.constant([f"N {BLANK_WORD} 12,000.5 7 n 3rd"])).numpy()
    number, unknown = VOCABULARY.index("N"), VOCABULARY.index("<unk>")
    assert found.tolist() == [[number, 1, number, number, number, unknown]]


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"query": ["no blank"]}, "Every sentence must have a"),
        ({"support": ["", *SUPPORT[1:]]}, "Every sentence must have a"),
        ({"query": []}, "at least one sentence"),
        ({"labels": (0, 1)}, "one label for each"),
        ({"labels": (-1, -1, -1)}, "must have a label of 0 or more"),
    ],
)
def test_bad_requests_are_refused(served, changed, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        ask(served, **changed)


WORDS = ["bonds", "of", "CAFÉ", "whatever"]


@pytest.fixture(scope="module")
def chooser(make_learner, tmp_path_factory):
    """A language model and its export."""
    learner = make_learner("lstm_lm", vocabulary=len(VOCABULARY), init_range=1.0)
    path = tmp_path_factory.mktemp("chooser")
    assert signatures.save(learner, path, vocabulary=VOCABULARY) == ["choose_word"]
    loaded = tf.saved_model.load(str(path))
    return learner, loaded.signatures["choose_word"], loaded


def test_the_export_of_a_language_model_chooses_as_the_model(chooser):
    learner, choose, _ = chooser
    found = choose(query_text=tf.constant(QUERY), words=tf.constant(WORDS))
    sentences = [[4, 6, 4, 4], [2, 4, 3, 4, 8]]  # with bonds in the blanks
    for n, sentence in enumerate(sentences):
        expected = learner.log_likelihoods(tf.constant([sentence]))
        np.testing.assert_allclose(found["log_likelihoods"][n, 0], expected[0], rtol=1e-5)
    np.testing.assert_allclose(
        found["probabilities"], tf.nn.softmax(found["log_likelihoods"]), atol=1e-6
    )
    np.testing.assert_array_equal(found["labels"], np.argmax(found["log_likelihoods"], axis=1))


@pytest.mark.parametrize(
    "query, words, message",
    [
        (["no blank"], WORDS, "Every sentence must have a"),
        ([], WORDS, "at least one sentence"),
        (QUERY, ["two words"], "Every candidate must be one word"),
        (QUERY, ["", "of"], "Every candidate must be one word"),
        (QUERY, [], "Every candidate must be one word"),
    ],
)
def test_bad_requests_to_a_language_model_are_refused(chooser, query, words, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        chooser[1](query_text=tf.constant(query, tf.string), words=tf.constant(words, tf.string))
