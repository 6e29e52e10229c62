import pytest
import tensorflow as tf

from oneshot_tf.ops import shapes


def test_fitting_shapes_pass():
    shapes.check(a=(tf.zeros([2, 3]), "B N"), b=(tf.zeros([3, 2, 4]), "N B 4"))
    shapes.check({"N": 3}, a=(tf.zeros([2, 3]), "B N"))
    shapes.check(a=(tf.zeros([]), ""))


@pytest.mark.parametrize(
    "shape, pattern, message",
    [
        ([2, 3, 4], "B N", r"`a` must be \[B N\]. Received: shape=\(2, 3, 4\)"),
        ([2], "B N", r"`a` must be \[B N\]. Received: shape=\(2,\)"),
        ([2, 3], "B 4", r"`a` must be \[B 4\] with 4=4. Received: shape=\(2, 3\)"),
        ([2, 3], "B B", r"`a` must be \[B B\] with B=2. Received: shape=\(2, 3\)"),
    ],
)
def test_a_tensor_that_does_not_fit(shape, pattern, message):
    with pytest.raises(ValueError, match=message):
        shapes.check(a=(tf.zeros(shape), pattern))


def test_sizes_hold_over_tensors_and_known_beforehand():
    with pytest.raises(ValueError, match="`b` must be .* with N=3"):
        shapes.check(a=(tf.zeros([2, 3]), "B N"), b=(tf.zeros([4]), "N"))
    with pytest.raises(ValueError, match="`a` must be .* with N=9"):
        shapes.check({"N": 9}, a=(tf.zeros([2, 3]), "B N"))


def test_unknown_sizes_pass_until_a_known_one_differs():
    """A batch of unknown size is fine; two tensors that are known to differ are not."""
    messages = []

    @tf.function(
        input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([4, 3]), tf.TensorSpec(None)]
    )
    def trace(unknown, known, nothing):
        shapes.check(a=(unknown, "B N"), b=(known, "B N"), c=(nothing, "B N M"))
        try:
            shapes.check(a=(unknown, "B N"), b=(known, "B N"), c=(tf.zeros([5]), "B"))
        except ValueError as error:
            messages.append(str(error))
        return known

    trace.get_concrete_function()
    assert len(messages) == 1 and "with B=4" in messages[0]
