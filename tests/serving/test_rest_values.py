"""JSON to tensors, by the rules that TensorFlow Serving's API page documents."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.serving import predicting, rest_values
from oneshot_tf.serving.rest_values import RequestError

FLOATS = {"x": tf.TensorSpec([None, 2], tf.float32)}
INTS = {"y": tf.TensorSpec([None], tf.int64)}
STRINGS = {"s_bytes": tf.TensorSpec([None], tf.string)}
BOTH = {**FLOATS, **INTS}


def arrays(request, specs):
    text = json.dumps(request) if not isinstance(request, str) else request
    return rest_values.arrays(rest_values.parse(text.encode()), specs)


ACCEPTED = [
    ({"inputs": {"x": [[1, 2.5]]}}, FLOATS, {"x": [[1.0, 2.5]]}),
    ({"inputs": [[1, 2.5]]}, FLOATS, {"x": [[1.0, 2.5]]}),
    ({"instances": [[1, 2], [3, 4]]}, FLOATS, {"x": [[1, 2], [3, 4]]}),
    ({"instances": [{"x": [1, 2]}, {"x": [3, 4]}]}, FLOATS, {"x": [[1, 2], [3, 4]]}),
    ({"instances": [{"x": [1, 2], "y": 3}]}, BOTH, {"x": [[1, 2]], "y": [3]}),
    ({"inputs": {"x": [[1, 2]], "y": [-1], "more": 0}}, BOTH, {"x": [[1, 2]], "y": [-1]}),
    ({"inputs": [{"b64": "AP8="}]}, STRINGS, {"s_bytes": [b"\x00\xff"]}),
    ({"inputs": {"s_bytes": [{"b64": "AP8"}, "é"]}}, STRINGS, {"s_bytes": [b"\x00\xff", "é".encode()]}),
    ({"instances": [{"b64": "AP8="}]}, STRINGS, {"s_bytes": [b"\x00\xff"]}),
    ({"inputs": {"y": []}}, INTS, {"y": []}),
    ('{"inputs": {"x": [[NaN, -Infinity]]}}', FLOATS, {"x": [[np.nan, -np.inf]]}),
    ({"inputs": {"x": [[2**24 - 1, 3e38]]}}, FLOATS, {"x": [[2**24 - 1, 3e38]]}),
]  # fmt: skip


@pytest.mark.parametrize("request_, specs, expected", ACCEPTED)
def test_values(request_, specs, expected):
    found, by_row = arrays(request_, specs)
    assert by_row == ("instances" in request_)
    assert set(found) == set(expected)
    for name, array in found.items():
        kind = specs[name].dtype
        assert array.dtype == (object if kind == tf.string else kind.as_numpy_dtype)
        np.testing.assert_array_equal(array, np.array(expected[name], array.dtype))


REFUSED = [
    ("", FLOATS, "document is empty"),
    ("{", FLOATS, "JSON Parse error"),
    ("[1]", FLOATS, "Is not object"),
    ("[" * 100_000, FLOATS, "JSON Parse error"),
    ('{"inputs": ' + "9" * 5000 + "}", INTS, "JSON Parse error"),
    ({}, FLOATS, "Missing 'inputs' or 'instances' key"),
    ({"inputs": 1, "instances": [1]}, FLOATS, "only one of 'inputs' or 'instances'"),
    ({"instances": 3}, FLOATS, "'instances' to be a list"),
    ({"instances": []}, FLOATS, "No values in 'instances'"),
    ({"instances": [[1, 2]]}, BOTH, "list of objects"),
    ({"instances": [{"x": [1, 2]}]}, BOTH, "keys must be equal to: x,y"),
    ({"instances": [{"x": [1, 2]}, [1, 2]]}, FLOATS, "item 1"),
    ({"inputs": [[1, 2]]}, BOTH, "expecting an object"),
    ({"inputs": {"x": [[1, 2]]}}, BOTH, "Missing named input: y"),
    ({"inputs": {"x": [[1, 2], [3]]}}, FLOATS, "different sizes"),
    ({"inputs": {"x": [1, 2]}}, FLOATS, r"shape \[-1, 2\]"),
    ({"inputs": {"x": [[1, 2, 3]]}}, FLOATS, r"Received shape: \[1, 3\]"),
    ({"inputs": {"x": [["1", "2"]]}}, FLOATS, "not of expected type: float32"),
    ({"inputs": {"x": [[True, 0.5]]}}, FLOATS, "not of expected type: float32"),
    ({"inputs": {"x": [[None, 1]]}}, FLOATS, "not of expected type: float32"),
    ({"inputs": {"x": [[{}, 1]]}}, FLOATS, "not of expected type: float32"),
    ({"inputs": {"x": [[2**24, 1]]}}, FLOATS, "without loss of precision"),
    ({"inputs": {"x": [[1e39, 0.5]]}}, FLOATS, "without loss of precision"),
    ({"inputs": {"y": [1.5]}}, INTS, "not of expected type: int64"),
    ({"inputs": {"y": [2**63]}}, INTS, "int64"),
    ({"inputs": {"y": [2**70]}}, INTS, "int64"),
    ({"inputs": {"y": [True]}}, INTS, "not of expected type: int64"),
    ('{"inputs": {"s_bytes": ' + "[" * 33 + '"a"' + "]" * 33 + "}}", STRINGS, "nested too deep"),
    ({"inputs": {"s_bytes": [3]}}, STRINGS, "not of expected type: string"),
    ({"inputs": {"s_bytes": [{"b64": "a", "c": 1}]}}, STRINGS, "base64"),
    ({"inputs": {"s_bytes": [{"b64": "*"}]}}, STRINGS, "base64 decode"),
    ({"inputs": {"s_bytes": [{"b64": 1}]}}, STRINGS, "base64"),
    ({"inputs": {"s_bytes": [["a"], "b"]}}, STRINGS, "as many values"),
    ('{"inputs": {"s_bytes": ["\\ud800"]}}', STRINGS, "must be text"),
]


@pytest.mark.parametrize("request_, specs, message", REFUSED)
def test_what_is_refused(request_, specs, message):
    with pytest.raises(RequestError, match=message) as error:
        arrays(request_, specs)
    assert error.value.status == 400 and len(error.value.message) < 400


@pytest.mark.parametrize(
    "body, name",
    [('{"inputs": {"y": [true, 3]}}', "y"), ('{"inputs": {"x": [[0.5, false]]}}', "x")],
)
def test_truth_values_among_numbers_are_refused_in_a_whole_request(body, name):
    specs = {**FLOATS, **INTS}
    version = SimpleNamespace(inputs={"serving_default": {name: specs[name]}}, functions={})
    with pytest.raises(RequestError, match="is not of expected type") as error:
        predicting.predict(version, body.encode())
    assert error.value.status == 400


def test_signature_names():
    assert rest_values.signature_name({}) == "serving_default"
    assert rest_values.signature_name({"signature_name": "a"}) == "a"
    with pytest.raises(RequestError, match="must be a string"):
        rest_values.signature_name({"signature_name": 1})


def test_answers_by_column_and_by_row():
    one, two = np.array([[0.1, 2]], np.float32), np.array([3])
    assert json.loads(rest_values.answer({"a": one}, False)) == {"outputs": [[0.1, 2.0]]}
    both = {"a": one, "b": two}
    assert json.loads(rest_values.answer(both, False)) == {"outputs": {"a": [[0.1, 2.0]], "b": [3]}}
    assert json.loads(rest_values.answer(both, True)) == {
        "predictions": [{"a": [0.1, 2.0], "b": 3}]
    }
    assert json.loads(rest_values.answer({"a": one}, True)) == {"predictions": [[0.1, 2.0]]}
    with pytest.raises(RequestError, match="one size in their first dimension"):
        rest_values.answer({"a": one, "b": np.array([1, 2])}, True)


def test_answers_keep_every_bit_and_bytes():
    values = np.frombuffer(np.random.default_rng(0).bytes(4000), np.float32)
    values = values[np.isfinite(values)]
    text = rest_values.answer({"a": values}, False)
    np.testing.assert_array_equal(np.array(json.loads(text)["outputs"], np.float32), values)
    found = rest_values.answer({"a_bytes": np.array([b"\x00"], object)}, False)
    assert json.loads(found) == {"outputs": [{"b64": "AA=="}]}
    assert json.loads(rest_values.answer({"a": np.array([b"x"], object)}, False)) == {
        "outputs": ["x"]
    }
    assert "NaN" in rest_values.answer({"a": np.array([np.nan], np.float32)}, False)


@pytest.mark.parametrize("specs", [FLOATS, INTS, STRINGS])
@pytest.mark.parametrize("depth", [33, 500, 990, 20_000])
def test_lists_nested_too_deep_are_refused(specs, depth):
    (name,) = specs
    body = '{"inputs": {"' + name + '": ' + "[" * depth + "]" * depth + "}}"
    version = SimpleNamespace(inputs={"serving_default": specs}, functions={})
    with pytest.raises(RequestError) as error:
        predicting.predict(version, body.encode())
    assert error.value.status == 400 and len(error.value.message) < 400
