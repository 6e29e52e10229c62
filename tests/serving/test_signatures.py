"""What the exported signatures answer, and what they refuse."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions

from oneshot_tf import models
from oneshot_tf.episodes import FewShotEpisode, SequenceEpisode
from oneshot_tf.serving import decoding
from tests.conftest import IMAGE_SIZE, WAY
from tests.serving import exports
from tests.serving.exports import request, tensors

TOLERANCE = 1e-5
OFTEN = "flmn"  # the model that most tests here ask
# the signatures of models that read sentences alone are in test_text.py
PICTURES = [name for name in models.MODELS if "pictures" in models.find(name).reads]


def live(learner, given, way):
    """Probabilities of the model itself, softmax over the first `way` outputs."""
    queries = given["query_images"]
    episode = FewShotEpisode(
        tf.constant(given["support_images"]),
        tf.constant(given["support_labels"], tf.int32),
        tf.constant(queries),
        -tf.ones(queries.shape[:2], tf.int32),
    )
    return tf.nn.softmax(learner(episode)[:, :, :way]).numpy()


def ask(served, name=OFTEN, signature="classify", **changes):
    given = {**request(), **changes}
    return served(name)[1][signature](**tensors(given))


# one of each kind of model; the others have the same signatures
QUICK = ("flmn", "matching", "mmnet", "gaussian_memory", "classifier")


@pytest.fixture(
    scope="module",
    params=[n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in PICTURES],
)
def each(request, served):
    """(learner, signatures) of every model, one after the other."""
    yield served(request.param)
    if request.param != OFTEN:
        served.forget(request.param)


def test_classify_equals_the_model(each):
    learner, answer = each
    if learner.num_labels != learner.way:
        pytest.skip("string labels")
    given = request()
    found = answer["classify"](**tensors(given))
    expected = live(learner, given, WAY)
    assert expected.std() > 1e-4  # not the same answer to everything
    np.testing.assert_allclose(found["probabilities"], expected, atol=TOLERANCE)
    np.testing.assert_array_equal(found["labels"], expected.argmax(2))
    default = answer["serving_default"](**tensors(given))
    np.testing.assert_array_equal(default["probabilities"], found["probabilities"])


def test_sequence_equals_the_model(each, random):
    learner, answer = each
    if SequenceEpisode not in learner.answers:
        assert "sequence" not in answer
        return
    for batch, steps in ((1, 1), (2, 9)):
        images = random.random((batch, steps, IMAGE_SIZE, IMAGE_SIZE, 1), np.float32)
        labels = random.integers(-1, WAY, (batch, steps))
        given = tf.constant(labels, tf.int32)
        found = answer["sequence"](images=tf.constant(images), labels=tf.constant(labels))
        logits, more = learner.explained(SequenceEpisode(tf.constant(images), given, given))
        np.testing.assert_allclose(found["probabilities"], tf.nn.softmax(logits), atol=TOLERANCE)
        assert set(found) == {"probabilities", "labels", *more}
        for name, expected in more.items():
            np.testing.assert_allclose(found[name], expected, atol=TOLERANCE)


def test_the_label_of_a_step_is_seen_only_later(served, random):
    answer = served("flmn")[1]["sequence"]
    images = tf.constant(random.random((1, 5, IMAGE_SIZE, IMAGE_SIZE, 1), np.float32))
    one = answer(images=images, labels=tf.constant([[0, 1, 2, 0, 1]], tf.int64))["probabilities"]
    two = answer(images=images, labels=tf.constant([[0, 1, 1, 0, 1]], tf.int64))["probabilities"]
    np.testing.assert_array_equal(one[:, :3], two[:, :3])
    assert np.abs(one[:, 3] - two[:, 3]).max() > 0


def test_unrolled_models_are_exported_with_a_loop(served, random):
    learner, answer = served("flmn", execution="unrolled")
    for support in (3, 7):
        given = request(support=support)
        found = answer["classify"](**tensors(given))["probabilities"]
        np.testing.assert_allclose(found, live(learner, given, WAY), atol=TOLERANCE)


def test_embed_where_there_is_an_embedding(served, random):
    learner, answer = served("flmn", encoder="conv", blocks=1)
    images = tf.constant(random.random((4, IMAGE_SIZE, IMAGE_SIZE, 1), np.float32))
    found = answer["embed"](images=images)["embeddings"]
    np.testing.assert_allclose(found, learner.embed(images), atol=TOLERANCE)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`images` must be in \[0, 1\]"):
        answer["embed"](images=images + 1.0)
    assert "embed" not in served("flmn")[1]


def test_reconstruct_where_there_is_a_decoder(each, random):
    learner, answer = each
    if learner.name != "gaussian_memory":
        assert "reconstruct" not in answer
        return
    images = tf.constant(random.random((4, IMAGE_SIZE, IMAGE_SIZE, 1), np.float32))
    found = answer["reconstruct"](images=images)["images"]
    # rounding grows on the way back to pixels
    np.testing.assert_allclose(found, learner.reconstruct(images), atol=10 * TOLERANCE)


def test_string_labels_export_sequences_alone(served, random):
    learner, answer = served("mann", label_encoding="string", encoder="flat")
    assert sorted(answer) == ["sequence", "serving_default"]
    images = tf.constant(random.random((2, 4, IMAGE_SIZE, IMAGE_SIZE, 1), np.float32))
    labels = random.integers(0, learner.num_labels, (2, 4))
    found = answer["sequence"](images=images, labels=tf.constant(labels))
    given = tf.constant(labels, tf.int32)
    logits = learner(SequenceEpisode(images, given, given))
    np.testing.assert_allclose(
        found["probabilities"], learner.probabilities(logits), atol=TOLERANCE
    )
    np.testing.assert_array_equal(found["labels"], learner.predict_labels(logits))
    with pytest.raises(tf.errors.InvalidArgumentError, match="one label for each"):
        answer["sequence"](images=images, labels=tf.constant(labels[:, :2]))


@pytest.mark.parametrize(
    "batch, support, queries, way", [(1, 2, 1, 2), (3, 5, 2, 1), (1, 11, 7, 3)]
)
def test_one_export_answers_requests_of_any_size(served, batch, support, queries, way):
    learner, answer = served("flmn")
    given = request(batch, support, queries, way)
    found = answer["classify"](**tensors(given))
    assert found["probabilities"].shape == (batch, queries, way)
    np.testing.assert_allclose(found["probabilities"], live(learner, given, way), atol=TOLERANCE)


def test_padding_changes_nothing(served):
    given, plain = request(), ask(served)["probabilities"]
    pictures_ = np.insert(given["support_images"], [2, 4, 6], 0.5, axis=1)
    labels = np.insert(given["support_labels"], [2, 4, 6], -1, axis=1)
    padded = ask(served, support_images=pictures_, support_labels=labels)["probabilities"]
    np.testing.assert_allclose(padded, plain, atol=TOLERANCE)


def test_an_episode_answers_alike_alone_and_in_a_batch(served):
    given = request()
    given["support_labels"][1] = [0, 1, 0, 1, 0, 1]
    together = ask(served, **given)["probabilities"]
    alone = ask(served, **{name: part[1:] for name, part in given.items()})["probabilities"]
    assert alone.shape[2] == 2
    np.testing.assert_allclose(together[1:, :, :2], alone, atol=TOLERANCE)
    np.testing.assert_array_equal(together[1, :, 2], 0)


def changed(name, index, value):
    array = request()[name]
    array[index] = value
    return {name: array}


REFUSED = {
    "label as large as the model's way": (changed("support_labels", (0, 0), WAY), "0 to 2"),
    "label below -1": (changed("support_labels", (0, 0), -2), "-1 .padding"),
    "label beyond 32 bits": (changed("support_labels", (0, 0), 2**32), "0 to 2"),
    "episode without support": (changed("support_labels", 1, -1), "in every episode"),
    "NaN": (changed("query_images", (0, 0, 0, 0, 0), np.nan), r"`query_images` must be in"),
    "pixels up to 255": (changed("support_images", (0, 0, 0, 0, 0), 255), r"\[0, 1\]"),
    "negative pixels": (changed("support_images", (0, 0, 0, 0, 0), -0.1), r"\[0, 1\]"),
    "fewer labels": ({"support_labels": np.zeros((2, 5), np.int64)}, "one label for each"),
    "labels transposed": ({"support_labels": np.zeros((6, 2), np.int64)}, "one label for each"),
    "other episodes": ({"query_images": request(3)["query_images"]}, "as many episodes"),
    "no query": ({"query_images": request(queries=0)["query_images"]}, "not be empty"),
    "no support": (request(support=0), "`support_images` must not be empty"),
}


def test_sequence_refuses_labels_that_the_model_does_not_tell_apart(each):
    """Of a model with no number of its own, those whose answer would take gigabytes."""
    learner, answer = each
    if "sequence" not in answer:
        return
    most, given = learner.fixed_way or 4096, request()
    for label in (most, -2):
        labels = changed("support_labels", (0, 0), label)["support_labels"]
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=f"`labels` must .*0 to {most - 1}:"
        ):
            answer["sequence"](
                images=tf.constant(given["support_images"]), labels=tf.constant(labels)
            )


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_request_is_refused_and_the_next_one_answered(served, case):
    changes, message = REFUSED[case]
    before = ask(served)["probabilities"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        ask(served, **changes)
    np.testing.assert_array_equal(ask(served)["probabilities"], before)


def test_the_graph_itself_refuses_other_sizes(served):
    """As a server runs it: the session does not compare what it is fed with the signature."""
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(served.export(OFTEN).path))
        signature = loaded.signature_def["classify"]
        names = {name: info.name for name, info in signature.inputs.items()}
        # `session.run` compares shapes in Python, which a server does not have
        feeds = [names[name] for name in ("support_images", "support_labels", "query_images")]
        fetches = [signature.outputs["probabilities"].name]
        call = session._make_callable_from_options(CallableOptions(feed=feeds, fetch=fetches))
        support, labels, query = request().values()
        expected = call(support, labels, query)
        for shape in ((2, 2, 4, IMAGE_SIZE, 1), (2, 2, IMAGE_SIZE, IMAGE_SIZE, 3), (8, 8, 1)):
            with pytest.raises(tf.errors.InvalidArgumentError, match="`query_images` must be pict"):
                call(support, labels, np.zeros(shape, np.float32))
        with pytest.raises(tf.errors.InvalidArgumentError, match="one label for each"):
            call(support, labels[0], query)
        np.testing.assert_array_equal(call(support, labels, query), expected)


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_classify_encoded_equals_classify_of_prepared_pictures(served, random, encode, format):
    drawings = [encode(exports.drawing(random, 30, 20 + 3 * k, 1), format) for k in range(5)]
    images = decoding.decode_all(tf.constant(drawings), (IMAGE_SIZE, IMAGE_SIZE, 1), "auto").numpy()
    labels = np.array([0, 1, 2], np.int64)
    answer = served("flmn")[1]
    found = answer["classify_encoded"](
        support_bytes=tf.constant(drawings[:3]),
        support_labels=tf.constant(labels),
        query_bytes=tf.constant(drawings[3:]),
    )
    expected = answer["classify"](
        support_images=tf.constant(images[None, :3]),
        support_labels=tf.constant(labels[None]),
        query_images=tf.constant(images[None, 3:]),
    )
    assert found["probabilities"].shape == (2, 3) and found["labels"].shape == (2,)
    np.testing.assert_allclose(found["probabilities"], expected["probabilities"][0], atol=TOLERANCE)


def huge_head(content):
    """A PNG that says it is 60,000 x 60,000."""
    return content[:16] + (60000).to_bytes(4, "big") * 2 + content[24:]


def test_classify_encoded_refuses_bad_files(served, random, encode):
    answer = served("flmn")[1]["classify_encoded"]
    good = encode(exports.drawing(random, 12, 12, 1))

    def ask_files(*query, labels=(0, 1)):
        return answer(
            support_bytes=tf.constant([good, good]),
            support_labels=tf.constant(labels, tf.int64),
            query_bytes=tf.constant(list(query), tf.string),
        )["probabilities"]

    before = ask_files(good)
    bad = {
        b"": "PNG or JPEG",
        b"no picture at all, but long enough": "PNG or JPEG",
        good[:-30]: "PNG",
        huge_head(good): "at most",
    }
    for content, message in bad.items():
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            ask_files(content)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least one picture"):
        ask_files()
    for labels, message in (
        ((0,), "one label for each"),
        ((-1, -1), "label of 0"),
        ((0, WAY), "0 to"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            ask_files(good, labels=labels)
    np.testing.assert_array_equal(ask_files(good), before)


def test_an_export_holds_weights_and_nothing_of_training(served):
    learner, _, _, path, names = served.export(OFTEN)
    assert names[0] == "classify" and "serving_default" not in names
    prefix = str(path / "variables" / "variables")
    stored = [name for name, _ in tf.train.list_variables(prefix) if name.startswith("learned/")]
    assert len(stored) == len(learner.variables)
    assert not [name for name, _ in tf.train.list_variables(prefix) if "optimizer" in name]
