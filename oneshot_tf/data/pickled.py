"""Reading pickles of arrays without running what they say.

A pickle may name any function of any module to be called. Here it can make numpy arrays, numbers,
text and plain containers; everything else is refused. Arrays are made here of the bytes and the shape
that a pickle gives, since numpy believes what it is told of them, and a false word on a data type
ends the process.
"""

import os
import pickle
import pickletools
import re

import numpy as np

from oneshot_tf.errors import UserError

_CORES = ("numpy.core", "numpy._core")
_DAMAGE = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError,
    OverflowError, MemoryError, SyntaxError, NotImplementedError, SystemError,
)  # fmt: skip
_TYPES = re.compile(r"[biufcSU]\d{1,4}|\?")
_NO_FIELDS = (None, None, None, -1, -1, 0)  # of a data type's state: what follows its byte order

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
            _check_places(file, size)
            file.seek(0)
            return _Unpickler(file, encoding="latin1").load()
    except _Refused as refused:
        raise UserError(
            f"{path} must be a pickle of numpy arrays and plain containers. Received: one that "
            f"calls {refused}; refused, get the file from somewhere else"
        ) from None
    except (OSError, *_DAMAGE) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{path} is damaged ({reason}); delete it and get it again") from None


def _check_places(file, size):
    """Refuses places beyond any that a file of this size can fill: room is made for all before them.

    Reading the instructions one by one also shows whether all that they announce is there.
    """
    for instruction, place, _ in pickletools.genops(file):
        if "PUT" in instruction.name and place > size:
            raise pickle.UnpicklingError(f"an object at place {place}")


class _Unpickler(pickle.Unpickler):
    """`find_class` is the only way out of a pickle: it knows a few names."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # made anew for every pickle, which can set attributes of what it has been given
        self.allowed = {("_codecs", "encode"): _encoder(), **_arrays()}
        for module in ("builtins", "__builtin__"):
            self.allowed[module, "bytes"] = lambda: b""  # protocol 2 has no other way to say it

    def find_class(self, module, name):
        if (module, name) not in self.allowed:
            raise _Refused(f"{module}.{name}")
        return self.allowed[module, name]

    def persistent_load(self, pid):
        raise _Refused(f"the persistent object {str(pid)[:40]!r}")


def _encoder():
    """What stands for bytes in pickles of protocol 2."""

    def encode(text, encoding):
        if encoding != "latin1":
            raise _Refused(f"the codec {encoding!r}")
        return text.encode("latin1")

    return encode


def _arrays():
    """{(module, name): what numpy's pickles call by that name}."""

    class Ndarray:
        """Stands for `numpy.ndarray`, which is named and not called."""

    class Dtype:
        """Stands for `numpy.dtype`: numbers, truth values and texts."""

        def __init__(self, code, align=False, copy=False):
            if not _TYPES.fullmatch(code):
                raise pickle.UnpicklingError(f"the data type {code[:20]!r}")
            self.found = np.dtype(code)

        def __setstate__(self, state):
            _, order, *fields = state
            sized = self.found.kind in "SU"  # texts say their size once more
            if order not in ("<", ">", "|", "=") or (tuple(fields) != _NO_FIELDS and not sized):
                raise pickle.UnpicklingError("a data type with fields")
            self.found = self.found.newbyteorder(order)

    def flat(content, dtype):
        """The numbers of some bytes, which Python 2's pickles have as text."""
        content = content.encode("latin1") if isinstance(content, str) else content
        if not isinstance(content, (bytes, bytearray)) or not isinstance(dtype, Dtype):
            raise pickle.UnpicklingError("an array without its bytes or its data type")
        return np.frombuffer(content, dtype.found) if content else np.zeros(0, dtype.found)

    class Array(np.ndarray):
        """An array that is filled after it has been made."""

        def __setstate__(self, state):
            shape, dtype, fortran, content = state[-4:]
            order = "F" if fortran else "C"
            found = flat(content, dtype).reshape(shape, order=order)
            state = (1, found.shape, found.dtype, order == "F", found.tobytes(order))
            super().__setstate__(state)

    def from_buffer(content, dtype, shape, order, *_):
        return flat(content, dtype).reshape(shape, order=order)

    allowed = {("numpy", "ndarray"): Ndarray, ("numpy", "dtype"): Dtype}
    for core in _CORES:
        allowed[f"{core}.multiarray", "_reconstruct"] = lambda *_: Array((0,), np.uint8)
        allowed[f"{core}.multiarray", "scalar"] = lambda dtype, content: flat(content, dtype)[0]
        allowed[f"{core}.numeric", "_frombuffer"] = from_buffer
    return allowed
