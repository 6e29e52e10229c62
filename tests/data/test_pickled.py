import collections
import pickle
import pickletools
import struct

import numpy as np
import pytest

from oneshot_tf.data import pickled
from oneshot_tf.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)
CONTENT = {"image_data": IMAGES, "class_dict": {"n01": [0, 1], "n02": [2, 3, 4]}}


class Python2(pickle._Pickler):
    """Writes text and bytes alike as Python 2 did."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        content = value if isinstance(value, bytes) else value.encode("latin1")
        self.write(b"T" + struct.pack("<i", len(content)) + content)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_string


class Calls:
    """A pickle that asks for a function to be called."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "data.pkl"
        path.write_bytes(content)
        return path

    return write


def same(found):
    np.testing.assert_array_equal(found["image_data"], IMAGES)
    assert found["image_data"].dtype == np.uint8 and found["class_dict"] == CONTENT["class_dict"]


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_every_protocol_and_numpy(write, protocol, core):
    content = pickle.dumps(CONTENT, protocol)
    if protocol < 4:  # later ones store the length of the name
        content = content.replace(b"numpy._core", b"numpy.core").replace(b"numpy.core", core)
    same(pickled.load(write(content)))


def test_pickles_of_python_2(write, tmp_path):
    with open(tmp_path / "old.pkl", "wb") as file:
        Python2(file, 2).dump(CONTENT)
    content = (tmp_path / "old.pkl").read_bytes().replace(b"numpy._core", b"numpy.core")
    opcodes = {opcode.name for opcode, _, _ in pickletools.genops(content)}
    assert "BINSTRING" in opcodes and "BINUNICODE" not in opcodes
    same(pickled.load(write(content)))


def test_numbers_of_numpy(write):
    found = pickled.load(write(pickle.dumps({"rows": [np.int64(3)]})))
    assert found == {"rows": [3]}


@pytest.mark.parametrize(
    "function, arguments, named",
    [
        (eval, ("1 + 1",), r"(builtins|__builtin__)\.eval"),
        (print, ("here",), r"(builtins|__builtin__)\.print"),
        (np.load, ("file.npy",), r"numpy\S*\.load"),
        (getattr, (np, "load"), ""),
        (collections.Counter, (), r"collections\.Counter"),
        (bytes.fromhex, ("00",), r"\S*getattr"),
    ],
)
def test_a_pickle_that_calls_anything_else_is_refused(write, function, arguments, named):
    if function is getattr:
        content = b"c__builtin__\ngetattr\n(cnumpy\nndarray\nVtofile\ntR."
    else:
        content = pickle.dumps([IMAGES, Calls(function, *arguments)], 2)
    with pytest.raises(UserError, match=f"Received: one that calls {named}.*refused"):
        pickled.load(write(content))


def test_code_is_not_run(write, tmp_path):
    target = tmp_path / "was_run"
    code = f"open({str(target)!r}, 'w')"
    with pytest.raises(UserError, match="refused"):
        pickled.load(write(pickle.dumps(Calls(exec, code))))
    assert not target.exists()


def test_another_codec_is_refused(write):
    content = b"c_codecs\nencode\n(Vtext\nVrot13\ntR."
    with pytest.raises(UserError, match="the codec 'rot13'"):
        pickled.load(write(content))


def test_persistent_objects_are_refused(write):
    with pytest.raises(UserError, match="persistent object 'somewhere'"):
        pickled.load(write(b"Psomewhere\n."))


@pytest.mark.parametrize("keep", [0, 1, 30, -1, -20])
def test_truncated(write, keep):
    with pytest.raises(UserError, match=r"data\.pkl is damaged") as caught:
        pickled.load(write(pickle.dumps(CONTENT)[:keep]))
    assert "\n" not in str(caught.value)


def test_no_pickle_at_all(write, tmp_path):
    with pytest.raises(UserError, match="is damaged"):
        pickled.load(write(b"Hello, here is text"))
    with pytest.raises(UserError, match="is damaged"):
        pickled.load(tmp_path / "absent.pkl")


STATE = (3, "|", None, None, None, -1, -1, 0)


@pytest.mark.parametrize(
    "code, state",
    [
        ("O8", STATE),
        ("V4", STATE),
        ("i4,i4", STATE),
        ("u1", (*STATE[:-1], 63)),  # flags of objects, which would be taken for addresses
        ("u1", (*STATE[:5], 2**40, -1, 0)),
        ("u1", (3, "|", None, ("a",), {"a": 1}, -1, -1, 0)),
    ],
)
def test_what_is_said_of_a_data_type_is_not_believed(write, code, state):
    class Dtype:
        def __reduce__(self):
            return np.dtype, (code, False, True), state

    with pytest.raises(UserError, match="is damaged"):
        pickled.load(write(pickle.dumps(Dtype())))


@pytest.mark.parametrize("shape", [(2, 4), (2**40,), (-1, 5), (2.5, 2), "ab"])
def test_an_array_has_as_many_numbers_as_bytes(write, shape):
    class Array:
        def __reduce__(self):
            made = np.zeros(6, np.uint8).__reduce__()
            return made[0], made[1], (1, shape, np.dtype(np.uint8), False, b"\0" * 6)

    with pytest.raises(UserError, match="is damaged"):
        pickled.load(write(pickle.dumps(Array())))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(["a", "bcd"]),
        np.array([b"a", b"bcd"]),
        np.zeros([0, 3], np.float32),
        np.array([True, False]),
        np.array(1j),
    ],
    ids=str,
)
def test_arrays_of_every_kind(write, array):
    for protocol in (2, 5):
        found = pickled.load(write(pickle.dumps([array], protocol)))[0]
        np.testing.assert_array_equal(found, array)
        assert found.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        assert found.shape == array.shape
