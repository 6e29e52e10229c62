"""Weights that an export stores in half the bytes and reads as float32."""

import math

import numpy as np
import tensorflow as tf

from oneshot_tf.errors import UserError

LEAST = 2**16  # values; smaller weights do not matter


class Half(tf.Module):
    """Takes the place of a float32 variable; wherever a tensor is needed, it gives a float32 one.

    Args:
      variable: float32.

    Raises:
      UserError: a weight that float16 cannot hold.
    """

    def __init__(self, variable):
        super().__init__(name="half")
        largest = np.abs(variable.numpy()).max()
        if not largest < np.finfo(np.float16).max:
            raise UserError(
                f"--half needs weights below 65504; those of {variable.name} go up to "
                f"{largest:.3g}; export without it"
            )
        self.shape, self.dtype = variable.shape, variable.dtype
        self.stored = tf.Variable(tf.cast(variable, tf.float16), trainable=False)


def _tensor(half, dtype=None, name=None, as_ref=False):
    del as_ref
    return tf.cast(half.stored, dtype or half.dtype, name=name)


tf.register_tensor_conversion_function(Half, _tensor)


def put_into(learner, least=None):
    """Replaces the large weights of a learner, which can then be exported but no longer trained.

    Replaces those that a layer holds as an attribute: the kernels of recurrent and dense layers,
    which make up most of a large model.

    Args:
      learner: a built `Learner`.
      least: the smallest number of values of a weight to replace; None is `LEAST`.

    Returns:
      All variables that remain to be saved.
    """
    least, halves = least or LEAST, {}
    for module in learner.submodules:
        for name, value in vars(module).items():
            is_weight = isinstance(value, tf.Variable) and value.dtype == tf.float32
            if is_weight and math.prod(value.shape) >= least:
                half = halves.setdefault(value.ref(), Half(value))
                vars(module)[name] = half  # Keras would track it as another layer
    kept = [variable for variable in learner.variables if variable.ref() not in halves]
    return kept + [half.stored for half in halves.values()]
