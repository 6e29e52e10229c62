import hypothesis
import hypothesis.strategies as st
import numpy as np
import tensorflow as tf
from hypothesis.extra import numpy as arrays

from oneshot_tf.episodes import previous_labels


def by_loop(labels):
    out = np.full(labels.shape, -1)
    for b in range(labels.shape[0]):
        last = -1
        for t in range(labels.shape[1]):
            out[b, t] = last
            last = labels[b, t] if labels[b, t] >= 0 else last
    return out


@hypothesis.given(
    arrays.arrays(
        np.int32, st.tuples(st.integers(1, 3), st.integers(1, 7)), elements=st.integers(-1, 3)
    )
)
@hypothesis.settings(deadline=None, max_examples=40)
def test_previous_labels(labels):
    np.testing.assert_array_equal(previous_labels(tf.constant(labels)), by_loop(labels))


def test_the_first_step_sees_no_label_and_padding_is_passed_over():
    found = previous_labels(tf.constant([[4, 2, 0], [-1, 3, -1], [1, -1, 2]]))
    np.testing.assert_array_equal(found, [[-1, 4, 2], [-1, -1, 3], [-1, 1, 1]])


def test_any_number_of_steps_in_one_trace():
    run = tf.function(previous_labels, input_signature=[tf.TensorSpec([None, None], tf.int32)])
    for labels in ([[1, 2]], [[0, -1, 1, 1], [2, 2, -1, 0]]):
        np.testing.assert_array_equal(run(tf.constant(labels)), by_loop(np.array(labels)))
