import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import matching
from tests.numpy_reference import matching as reference

SIZES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 6), st.integers(1, 5))


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def draw_labels(seed, batch, count, way):
    """Labels in 0 .. way - 1, and -1; at least one is no padding."""
    labels = np.random.default_rng(seed).integers(-1, way, (batch, count)).astype(np.int32)
    labels[:, 0] = np.maximum(labels[:, 0], 0)
    return labels


@pytest.mark.parametrize("normalize", ["both", "support"])
@pytest.mark.parametrize("kernel", matching.KERNELS)
@hypothesis.given(SIZES, st.integers(0, 99))
@hypothesis.settings(deadline=None, max_examples=15)
def test_kernels_against_loops(kernel, normalize, sizes, seed):
    batch, queries, support_size, width = sizes
    query, support = draw(seed, batch, queries, width), draw(seed + 1, batch, support_size, width)
    weights = {"bilinear": draw(seed + 2, width, width), "l1": draw(seed + 2, width)}.get(kernel)
    given = None if weights is None else tf.constant(weights)
    found = matching.similarity(tf.constant(query), tf.constant(support), kernel, given, normalize)
    expected = reference.similarity(query, support, kernel, weights, normalize)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_l1_without_weights_is_the_distance():
    query, support = draw(0, 2, 3, 4), draw(1, 2, 5, 4)
    found = matching.similarity(tf.constant(query), tf.constant(support), "l1")
    np.testing.assert_allclose(found, reference.similarity(query, support, "l1"), rtol=1e-5)


def test_bilinear_with_the_identity_is_the_dot_product():
    query, support = tf.constant(draw(0, 2, 3, 4)), tf.constant(draw(1, 2, 5, 4))
    found = matching.similarity(query, support, "bilinear", tf.eye(4))
    np.testing.assert_allclose(found, matching.similarity(query, support, "dot"), rtol=1e-6)


def test_the_cosine_of_nothing_is_zero_with_a_finite_gradient():
    query = tf.Variable(tf.zeros([1, 2, 3]))
    with tf.GradientTape() as tape:
        found = matching.similarity(query, tf.zeros([1, 2, 3]), "cosine")
        total = tf.reduce_sum(found)
    np.testing.assert_array_equal(found, np.zeros((1, 2, 2)))
    assert np.isfinite(tape.gradient(total, query)).all()


def test_an_unknown_kernel_is_named():
    with pytest.raises(ValueError, match="must be one of cosine, .*Received: cosinus"):
        matching.similarity(tf.zeros([1, 1, 1]), tf.zeros([1, 1, 1]), "cosinus")


@hypothesis.given(SIZES, st.integers(0, 99))
@hypothesis.settings(deadline=None, max_examples=20)
def test_attend_against_loops(sizes, seed):
    batch, queries, support_size, width = sizes
    hidden, memory = draw(seed, batch, queries, width), draw(seed + 1, batch, support_size, width)
    there = draw_labels(seed, batch, support_size, 2) >= 0
    found = matching.attend(tf.constant(hidden), tf.constant(memory), tf.constant(there))
    np.testing.assert_allclose(found, reference.attend(hidden, memory, there), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("aggregate", matching.AGGREGATES)
@hypothesis.given(SIZES, st.integers(1, 5), st.integers(0, 99))
@hypothesis.settings(deadline=None, max_examples=20)
def test_class_probabilities_against_loops(aggregate, sizes, way, seed):
    batch, queries, support_size, _ = sizes
    scores = 3.0 * draw(seed, batch, queries, support_size)
    labels = draw_labels(seed, batch, support_size, way)
    found = matching.class_log_probabilities(
        tf.constant(scores), tf.constant(labels), tf.constant(way), aggregate
    )
    expected = reference.class_probabilities(scores, labels, way, aggregate)
    np.testing.assert_allclose(tf.exp(found), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("aggregate", matching.AGGREGATES)
def test_far_apart_similarities_give_finite_logarithms_and_gradients(aggregate):
    """A probability of exp(-2000) is zero in float32; its logarithm is not lost."""
    scores = tf.Variable([[[1000.0, -1000.0, 5.0, 999.0]]])
    labels = tf.constant([[0, 1, -1, 0]])
    with tf.GradientTape() as tape:
        found = matching.class_log_probabilities(scores, labels, 3, aggregate)
        loss = -found[0, 0, 1]
    gradient = tape.gradient(loss, scores).numpy()
    expected = {"sum": 2000.3132617, "nearest": 2000.0, "mean": 1999.5}[aggregate]
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    assert np.isfinite(gradient).all() and gradient[0, 0, 1] == -1.0 and gradient[0, 0, 2] == 0.0
    assert found[0, 0, 2] == matching.IMPOSSIBLE


def test_the_gradient_of_log_probabilities_against_differences():
    scores, labels = draw(3, 2, 3, 5).astype(np.float64), draw_labels(3, 2, 5, 3)

    def log_probabilities(x):
        found = matching.class_log_probabilities(x, tf.constant(labels), 3)
        return tf.reduce_sum(
            tf.where(found > -1e8, found, 0.0) * tf.cos(tf.range(3.0, dtype=x.dtype))
        )

    analytic, numeric = tf.test.compute_gradient(log_probabilities, [tf.constant(scores)])
    np.testing.assert_allclose(analytic[0], numeric[0], rtol=1e-5, atol=1e-6)


def test_summed_probabilities_are_not_summed_similarities():
    """Two pictures of a class share its attention: [MN] sums what the softmax gives."""
    found = matching.class_log_probabilities(
        tf.constant([[[1.0, 1.0, 1.0]]]), tf.constant([[0, 0, 1]]), 2
    )
    np.testing.assert_allclose(tf.exp(found[0, 0]), [2 / 3, 1 / 3], rtol=1e-6)


def test_unscaled_cosine_has_the_known_ceiling():
    """Five pictures, the right one at cosine 1 and the others at -1: 0.65; at 0: 0.405."""
    labels = tf.range(5)[None]
    for others, ceiling in ((-1.0, 0.6488), (0.0, 0.4046)):
        scores = tf.constant([[[1.0, others, others, others, others]]])
        found = tf.exp(matching.class_log_probabilities(scores, labels, 5))[0, 0, 0]
        np.testing.assert_allclose(found, ceiling, atol=1e-4)


@hypothesis.given(SIZES, st.integers(1, 5), st.integers(0, 99))
@hypothesis.settings(deadline=None, max_examples=20)
def test_prototypes_against_loops(sizes, way, seed):
    batch, _, support_size, width = sizes
    support, labels = (
        draw(seed, batch, support_size, width),
        draw_labels(seed, batch, support_size, way),
    )
    means, names = matching.prototypes(tf.constant(support), tf.constant(labels), way)
    np.testing.assert_allclose(
        means, reference.prototypes(support, labels, way), rtol=1e-5, atol=1e-6
    )
    for b in range(batch):
        assert names[b].numpy().tolist() == [k if k in labels[b] else -1 for k in range(way)]


@hypothesis.given(SIZES, st.integers(0, 99))
@hypothesis.settings(deadline=None, max_examples=20)
def test_pair_loss_against_loops(sizes, seed):
    batch, queries, support_size, _ = sizes
    logits = draw(seed, batch, queries, support_size)
    ours, theirs = (
        draw_labels(seed, batch, support_size, 3),
        draw_labels(seed + 1, batch, queries, 3),
    )
    found = matching.pair_loss(tf.constant(logits), tf.constant(ours), tf.constant(theirs))
    np.testing.assert_allclose(
        found, reference.pair_loss(logits, ours, theirs), rtol=1e-5, atol=1e-6
    )


def test_same_and_different_pairs_count_alike_however_many():
    """19 different pairs and one same one: being wrong on either kind costs the same."""
    labels, query = tf.range(20)[None], tf.constant([[0]])
    same = tf.one_hot([[0]], 20) * 2.0 - 1.0
    for logits in (tf.fill([1, 1, 20], 9.0), tf.fill([1, 1, 20], -9.0)):
        np.testing.assert_allclose(matching.pair_loss(logits, labels, query), 4.5, atol=1e-3)
    np.testing.assert_allclose(matching.pair_loss(30.0 * same, labels, query), 0.0, atol=1e-6)


@hypothesis.given(SIZES, st.integers(0, 99))
@hypothesis.settings(deadline=None, max_examples=20)
def test_sample_loss_against_loops(sizes, seed):
    batch, queries, support_size, _ = sizes
    scores = draw(seed, batch, queries, support_size)
    ours, theirs = (
        draw_labels(seed, batch, support_size, 3),
        draw_labels(seed + 1, batch, queries, 3),
    )
    found = matching.sample_loss(tf.constant(scores), tf.constant(ours), tf.constant(theirs))
    expected = reference.sample_loss(scores, ours, theirs)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_with_k_samples_of_a_class_the_sample_loss_stays_above_k_log_k():
    labels = tf.constant([[0, 0, 0, 1]])
    best = matching.sample_loss(
        tf.constant([[[50.0, 50.0, 50.0, -50.0]]]), labels, tf.constant([[0]])
    )
    np.testing.assert_allclose(best, 3 * np.log(3), rtol=1e-5)


def test_logits_of_classes_that_a_support_lacks_are_impossible(random):
    logits = random.normal(size=(2, 3, 4)).astype(np.float32)
    found = matching.of_classes_there(logits, tf.constant([[2, -1, 0], [1, 1, 3]])).numpy()
    for b, there in enumerate(({0, 2}, {1, 3})):
        for k in range(4):
            expected = logits[b, :, k] if k in there else np.full(3, matching.IMPOSSIBLE)
            np.testing.assert_array_equal(found[b, :, k], expected)
    alone = matching.of_classes_there(logits[0], tf.constant([2, -1, 0]))
    np.testing.assert_array_equal(alone, found[0])
