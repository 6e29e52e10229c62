"""Reading pickles of arrays without running what they say.

A pickle may name any function of any module to be called. Here it can make numpy arrays, numbers,
text and plain containers; everything else is refused.
"""

import os
import pickle

import numpy as np

from oneshot_tf.errors import UserError

# What numpy's own pickles call, asked of numpy, because the modules' names have changed.
_RECONSTRUCT = np.zeros(1).__reduce__()[0]
_SCALAR = np.float32(0).__reduce__()[0]
_FROM_BUFFER = np.zeros(1).__reduce_ex__(5)[0]
_CORES = ("numpy.core", "numpy._core")
_DAMAGE = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError,
    OverflowError, MemoryError, SyntaxError, NotImplementedError,
)  # fmt: skip


MAX_BYTES = 2 << 30  # the largest part of miniImageNet has 0.8


class _Refused(Exception):
    """A pickle names what it may not have."""


def load(path):
    """The content of a pickle of numpy arrays and plain containers; Python 2's are read as well.

    Raises:
      UserError: the file names anything else, or is damaged.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise UserError(
                    f"{path} has {size / 2**30:.1f} GiB; expected at most {MAX_BYTES >> 30}; it is "
                    "another file than miniImageNet's"
                )
            return _Unpickler(file, encoding="latin1").load()
    except _Refused as refused:
        raise UserError(
            f"{path} must be a pickle of numpy arrays and plain containers. Received: one that "
            f"calls {refused}; refused, get the file from somewhere else"
        ) from None
    except (OSError, *_DAMAGE) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{path} is damaged ({reason}); delete it and get it again") from None


class _Unpickler(pickle.Unpickler):
    """`find_class` is the only way out of a pickle: it knows a few names."""

    def find_class(self, module, name):
        allowed = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}
        allowed["_codecs", "encode"] = _encoder()
        for core in _CORES:
            allowed[f"{core}.multiarray", "_reconstruct"] = _RECONSTRUCT
            allowed[f"{core}.multiarray", "scalar"] = _SCALAR
            allowed[f"{core}.numeric", "_frombuffer"] = _from_buffer()
        if (module, name) not in allowed:
            raise _Refused(f"{module}.{name}")
        return allowed[module, name]

    def persistent_load(self, pid):
        raise _Refused(f"the persistent object {str(pid)[:40]!r}")


# Made anew for every use: a pickle can set attributes of a function that it has been given.
def _encoder():
    """What stands for bytes in pickles of protocol 2."""

    def encode(text, encoding):
        if encoding != "latin1":
            raise _Refused(f"the codec {encoding!r}")
        return text.encode("latin1")

    return encode


def _from_buffer():
    return lambda *arguments: _FROM_BUFFER(*arguments)
