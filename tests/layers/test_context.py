import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.context import QueryContext, SupportContext
from oneshot_tf.ops import matching
from tests.numpy_reference import matching as reference

WIDTH = 3


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture
def support_context():
    layer = SupportContext(WIDTH)
    layer.build(None)
    return layer


def make_query_context(steps):
    layer = QueryContext(WIDTH, steps)
    layer.build(None)
    return layer


def test_support_context_against_loops(support_context):
    support = draw(0, 2, 5, WIDTH)
    there = np.array([[True] * 5, [True, False, True, True, False]])
    found = support_context(tf.constant(support), tf.constant(there)).numpy()
    forward, backward = (reference.weights_of(cell) for cell in support_context.lstm.directions)
    for b in range(2):
        expected = reference.support_context(support[b], there[b], forward, backward)
        np.testing.assert_allclose(found[b][there[b]], expected[there[b]], rtol=1e-5, atol=1e-5)


def test_permuting_the_support_changes_the_papers_g(support_context):
    support, there = tf.constant(draw(0, 1, 4, WIDTH)), tf.fill([1, 4], True)
    order = [2, 0, 3, 1]
    before = support_context(support, there).numpy()[:, order]
    after = support_context(tf.gather(support, order, axis=1), there)
    assert np.abs(before - after).max() > 1e-1


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_query_context_against_loops(steps):
    """From K = 2 on, a state that were not carried would show."""
    layer = make_query_context(steps)
    query, support = draw(1, 2, 3, WIDTH), draw(2, 2, 4, WIDTH)
    there = np.array([[True] * 4, [True, True, False, True]])
    found = layer(tf.constant(query), tf.constant(support), tf.constant(there)).numpy()
    weights = [w.numpy() for w in layer.cell.weights] if steps else None
    for b in range(2):
        for q in range(3):
            expected = reference.query_context(query[b, q], support[b], there[b], steps, weights)
            np.testing.assert_allclose(found[b, q], expected, rtol=1e-5, atol=1e-5)


def test_no_steps_leave_the_query_as_it_is():
    query = draw(1, 2, 3, WIDTH)
    found = make_query_context(0)(
        tf.constant(query), tf.zeros([2, 4, WIDTH]), tf.fill([2, 4], True)
    )
    np.testing.assert_array_equal(found, query)
    assert make_query_context(0).weights == []


def test_every_step_reads_the_support_anew():
    """Not the first read kept: with K = 2 the read is made from h_1."""
    two, query = make_query_context(2), tf.constant(draw(1, 1, 1, WIDTH))
    support, there = tf.constant(draw(2, 1, 4, WIDTH)), tf.fill([1, 4], True)
    weights = [draw(3 + i, *w.shape) for i, w in enumerate(two.cell.weights)]
    two.cell.set_weights(weights)  # as large as needed to be told apart by far
    first = reference.attend(query.numpy(), support.numpy(), there.numpy())[0, 0]
    hidden, carry = list(query.numpy()[0, 0]), [0.0] * WIDTH
    for _ in range(2):  # what it would be if r_0 were read for ever
        hidden, carry = reference.lstm([*query.numpy()[0, 0], *first], hidden, carry, weights)
        hidden = [h + x for h, x in zip(hidden, query.numpy()[0, 0], strict=True)]
    assert np.abs(two(query, support, there)[0, 0] - hidden).max() > 1e-1


def test_the_recurrent_weights_have_the_papers_size():
    """[h, r] of width 2 D as the recurrent input, f' as the input: 3 D x 4 D and a bias."""
    layer = make_query_context(2)
    assert sum(w.shape.num_elements() for w in layer.weights) == 3 * WIDTH * 4 * WIDTH + 4 * WIDTH


@pytest.mark.parametrize("wrong", ["support", "there"])
def test_wrong_shapes_are_named(support_context, wrong):
    support = tf.zeros([1, 4, WIDTH + (wrong == "support")])
    there = tf.fill([1, 4 + (wrong == "there")], True)
    with pytest.raises(ValueError, match=f"`{wrong}` must be"):
        support_context(support, there)


def test_contexts_are_functions_of_their_weights(support_context):
    other, query_context, other_query = SupportContext(WIDTH), *map(make_query_context, (2, 2))
    other.build(None)
    support, there = tf.constant(draw(0, 2, 5, WIDTH)), tf.fill([2, 5], True)
    query = tf.constant(draw(1, 2, 3, WIDTH))
    learned = [[tf.constant(w.numpy()) for w in cell] for cell in other.learned]
    learned = [type(own)(*cell) for own, cell in zip(other.learned, learned, strict=True)]
    found = support_context.embed(learned, support, there)
    np.testing.assert_array_equal(found, other(support, there))
    assert np.abs(found - support_context(support, there)).max() > 1e-1
    found = query_context.embed(other_query.learned, query, support, there)
    np.testing.assert_array_equal(found, other_query(query, support, there))
    assert np.abs(found - query_context(query, support, there)).max() > 1e-1


def test_the_cell_of_the_query_context_is_keras_own():
    """The recurrent state of Eq. 3 is made by its weights as Keras' cell makes it."""
    layer, query = make_query_context(1), tf.constant(draw(1, 2, 3, WIDTH))
    support, there = tf.constant(draw(2, 2, 4, WIDTH)), tf.fill([2, 4], True)
    flat = tf.reshape(query, [-1, WIDTH])
    read = tf.reshape(matching.attend(query, support, there), [-1, WIDTH])
    output, _ = layer.cell(tf.concat([flat, read], axis=1), [flat, tf.zeros_like(flat)])
    found = layer(query, support, there)
    np.testing.assert_array_equal(found, tf.reshape(output + flat, query.shape))
