"""Weights that an export keeps in half the bytes, and reads as what they were."""

import math

import numpy as np
import tensorflow as tf

from oneshot_tf.errors import UserError

LEAST = 2**16  # numbers; smaller weights are no matter


class Half(tf.Module):
    """Stands where a float32 variable stood; wherever a tensor is needed, it is one of float32.

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
    """Replaces the large weights of a learner, which can be exported but not trained from then on.

    Those are replaced that a layer holds as an attribute: the kernels of recurrent and dense layers,
    which are what makes a model large.

    Args:
      learner: a built `Learner`.
      least: replaces weights of so many numbers or more; None is `LEAST`.

    Returns:
      All variables that are left to be saved.
    """
    least, halves = least or LEAST, {}
    for module in learner.submodules:
        for name, value in vars(module).items():
            is_weight = isinstance(value, tf.Variable) and value.dtype == tf.float32
            if is_weight and math.prod(value.shape) >= least:
                half = halves.setdefault(value.ref(), Half(value))
                vars(module)[name] = half  # Keras would take it for another layer
    kept = [variable for variable in learner.variables if variable.ref() not in halves]
    return kept + [half.stored for half in halves.values()]
