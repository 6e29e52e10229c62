"""The stateless signatures of an exported model: a request holds everything its answer needs.

Dimensions: B episodes, S support pictures, Q queries, T steps, N pictures, [H, W, C] a picture.
A request that does not fit is refused inside the graph, with an InvalidArgumentError that says
what was expected, since a server runs none of our Python.
"""

import tensorflow as tf

from oneshot_tf.episodes import ClozeEpisode, FewShotEpisode, SequenceEpisode
from oneshot_tf.serving import decoding, half, text
from oneshot_tf.serving.decoding import require

_MOST_CLASSES = 4096  # if a model has no limit of its own, so that no label can demand gigabytes


class Signatures(tf.Module):
    """A trained learner as functions of tensors.

    The learner itself is not an attribute: only its weights and the graphs are exported.

    Args:
      learner: a built `Learner`.
      ink: `DataOptions.ink` of its training, for pictures that come as files.
      logits_of: (episode) -> logits, where that is not the learner's plain answer.
      vocabulary: the word of every token, of a learner that reads sentences.
      in_half: keeps large weights as float16; the learner cannot be trained from then on.

    Attributes:
      functions: {signature name: tf.function}: what this learner can answer.
    """

    def __init__(self, learner, ink="auto", logits_of=None, vocabulary=None, in_half=False):
        super().__init__(name="learner")
        self.learned = half.put_into(learner) if in_half else list(learner.variables)
        self.functions = {}
        if learner.vocabulary:
            self.tokens = text.Tokens(vocabulary)
            self.functions = _of_sentences(learner, logits_of, self.tokens)
            return
        if learner.num_labels == learner.way:
            logits_of = _logits_and_more(learner, logits_of)
            self.functions["classify"] = _classify(learner, logits_of)
            self.functions["classify_encoded"] = _classify_encoded(learner, logits_of, ink)
        if SequenceEpisode in learner.answers:
            self.functions["sequence"] = _sequence(learner)
        blank = learner.blank()
        if learner.embed(blank) is not None:
            self.functions["embed"] = _of_pictures(learner, learner.embed, "embeddings")
        if learner.reconstruct(blank) is not None:
            self.functions["reconstruct"] = _of_pictures(learner, learner.reconstruct, "images")


def save(learner, path, ink="auto", logits_of=None, vocabulary=None, in_half=False):
    """Writes a learner as a SavedModel.

    Args:
      learner: a built `Learner`.
      path: the folder to write.
      ink: `DataOptions.ink` of its training.
      logits_of: (episode) -> logits, where that is not the learner's plain answer.
      vocabulary: the word of every token, of a learner that reads sentences.
      in_half: see `Signatures`.

    Returns:
      The names of its signatures; the first is `serving_default` too.
    """
    module = Signatures(learner, ink, logits_of, vocabulary, in_half)
    signatures = {name: f.get_concrete_function() for name, f in module.functions.items()}
    names = list(signatures)
    signatures["serving_default"] = signatures[names[0]]
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # that assets were written is no news
    try:
        tf.saved_model.save(module, str(path), signatures=signatures, options=options)
    finally:
        logger.setLevel(level)
    return names


def _logits_and_more(learner, logits_of):
    """(episode) -> (logits, {name: what else is answered}); nothing else beside logits of another."""
    if logits_of is None:
        return learner.explained
    return lambda episode: (logits_of(episode), {})


def most_classes(learner):
    """How many classes one request may have."""
    return learner.fixed_way or _MOST_CLASSES


def _classify(learner, logits_of):
    def classify(support_images, support_labels, query_images):
        support = _checked(support_images, learner, "support_images")
        query = _checked(query_images, learner, "query_images")
        labels = _checked_support_labels(support_labels, support, learner)
        same = require(
            tf.shape(query)[0] == tf.shape(support)[0],
            "`query_images` must have as many episodes as `support_images`. Received shapes:",
            tf.shape(query),
            tf.shape(support),
        )
        with tf.control_dependencies([same]):
            return _answer(logits_of, support, labels, tf.identity(query))

    pictures = [None, None, *learner.image_shape]
    return tf.function(
        classify,
        autograph=False,
        input_signature=[
            tf.TensorSpec(pictures, tf.float32, "support_images"),
            tf.TensorSpec([None, None], tf.int64, "support_labels"),
            tf.TensorSpec(pictures, tf.float32, "query_images"),
        ],
    )


def _classify_encoded(learner, logits_of, ink):
    def classify_encoded(support_bytes, support_labels, query_bytes):
        labels = _checked_support_labels(support_labels, support_bytes, learner)
        some = require(tf.size(query_bytes) > 0, "`query_bytes` must have at least one picture")
        with tf.control_dependencies([labels, some]):
            support = decoding.decode_all(tf.identity(support_bytes), learner.image_shape, ink)
            query = decoding.decode_all(tf.identity(query_bytes), learner.image_shape, ink)
        answer = _answer(logits_of, support[None], labels[None], query[None])
        return {name: tensor[0] for name, tensor in answer.items()}

    return tf.function(
        classify_encoded,
        autograph=False,
        input_signature=[
            tf.TensorSpec([None], tf.string, "support_bytes"),
            tf.TensorSpec([None], tf.int64, "support_labels"),
            tf.TensorSpec([None], tf.string, "query_bytes"),
        ],
    )


def _of_sentences(learner, logits_of, tokens):
    if ClozeEpisode in learner.answers:

        def score(query, words):
            unknown = tf.fill([1, tf.shape(query)[0]], -1)
            return (logits_of or learner)(ClozeEpisode(query[None], unknown, words[None]))[0]

        return {"choose_word": text.choose_word(tokens, score)}
    answering = _logits_and_more(learner, logits_of)
    return {
        "classify_text": text.classify_text(
            tokens,
            lambda labels, texts: _checked_support_labels(labels, texts, learner),
            lambda support, labels, query: _answer(answering, support, labels, query),
        ),
        "embed_text": text.embed_text(tokens, learner.embed),
    }


def _sequence(learner):
    most = learner.num_labels if learner.fixed_way else _MOST_CLASSES

    def sequence(images, labels):
        images = _checked(images, learner, "images")
        labels = tf.cast(_checked_labels(labels, images, most, "labels"), tf.int32)
        logits, more = learner.explained(SequenceEpisode(images, labels, tf.zeros_like(labels)))
        answers = tf.cast(learner.predict_labels(logits), tf.int64)
        return {"probabilities": learner.probabilities(logits), "labels": answers, **more}

    return tf.function(
        sequence,
        autograph=False,
        input_signature=[
            tf.TensorSpec([None, None, *learner.image_shape], tf.float32, "images"),
            tf.TensorSpec([None, None], tf.int64, "labels"),
        ],
    )


def _of_pictures(learner, function, name):
    """{name: what a function makes of pictures [N, H, W, C], each by itself}."""

    def answer(images):
        return {name: tf.cast(function(_checked(images, learner, "images")), tf.float32)}

    spec = tf.TensorSpec([None, *learner.image_shape], tf.float32, "images")
    return tf.function(answer, autograph=False, input_signature=[spec])


def _answer(logits_of, support, labels, query):
    """{"probabilities": [B, Q, way], "labels": [B, Q]} and what else `logits_of` gives.

    An episode has classes up to its own way.
    """
    ways = tf.reduce_max(labels, axis=1) + 1
    labels = tf.cast(labels, tf.int32)
    unknown = tf.fill(tf.shape(query)[:2], -1)
    logits, more = logits_of(FewShotEpisode(support, labels, query, unknown))
    logits = tf.cast(logits, tf.float32)[:, :, : tf.reduce_max(ways)]
    there = tf.range(tf.reduce_max(ways)) < ways[:, None, None]
    probabilities = tf.nn.softmax(tf.where(there, logits, tf.float32.min))
    return {"probabilities": probabilities, "labels": tf.argmax(probabilities, axis=2), **more}


def _has_rank(tensor, rank):
    return tf.math.count_nonzero(tf.shape(tensor) >= 0) == rank  # `tf.rank` is taken as static


def _checked(images, learner, name):
    """The pictures [..., H, W, C] themselves, after their size and pixels were checked.

    Servers do not compare a request with the signature's shapes, and static shapes are not checked
    when the graph runs, so the shape is made unknown before it is checked.
    """
    rank, shape = images.shape.rank, images.shape
    images = tf.raw_ops.PlaceholderWithDefault(input=images, shape=tf.TensorShape(None))
    height, width, channels = learner.image_shape
    right_shape = require(
        _has_rank(images, rank) & tf.reduce_all(tf.shape(images)[-3:] == learner.image_shape),
        f"`{name}` must be pictures of {height} x {width} x {channels}, in {rank} dimensions. "
        "Received shape:",
        tf.shape(images),
    )
    with tf.control_dependencies([right_shape]):
        images = tf.identity(images)
    flat = tf.reshape(images, [-1])
    checks = [
        require(
            tf.size(images) > 0, f"`{name}` must not be empty. Received shape:", tf.shape(images)
        ),
        require(
            tf.reduce_all((flat >= 0.0) & (flat <= 1.0)),  # false for NaN
            f"`{name}` must be in [0, 1], ink 1. Received, from and to:",
            tf.reduce_min(flat),
            tf.reduce_max(flat),
        ),
    ]
    with tf.control_dependencies(checks):
        return tf.ensure_shape(tf.identity(images), shape)


def _checked_labels(labels, pictures, limit, name):
    """The labels themselves, after checking that each picture has one in [-1, limit)."""
    static = labels.shape
    labels = tf.raw_ops.PlaceholderWithDefault(input=labels, shape=tf.TensorShape(None))
    sizes = tf.shape(labels)
    expected = tf.shape(pictures)[: static.rank]
    right_shape = require(
        _has_rank(labels, static.rank)
        & (tf.reduce_prod(sizes) == tf.reduce_prod(expected))
        & (sizes[0] == expected[0]),
        f"`{name}` must have one label for each picture. Received shape, and expected:",
        sizes,
        expected,
    )
    flat = tf.reshape(labels, [-1])
    in_range = require(
        tf.reduce_all((flat >= -1) & (flat < limit)),
        f"`{name}` must be -1 (padding) or 0 to {limit - 1}: the model tells {limit} classes "
        "apart. Received, from and to:",
        tf.reduce_min(flat),
        tf.reduce_max(flat),
    )
    with tf.control_dependencies([right_shape, in_range]):
        return tf.ensure_shape(tf.identity(labels), static)


def _checked_support_labels(labels, pictures, learner):
    labels = _checked_labels(labels, pictures, most_classes(learner), "support_labels")
    some = require(
        tf.reduce_all(tf.reduce_any(labels >= 0, axis=-1)),
        "`support_labels` must have a label of 0 or more in every episode. Received:",
        labels,
    )
    with tf.control_dependencies([some]):
        return tf.identity(labels)
