"""JSON to tensors and back, by the rules of TensorFlow Serving's REST API.

A request names its tensors by column, `{"inputs": {name: values}}`, or by row, `{"instances":
[{name: value}]}`; where a signature has one input, its name may be left out. `{"b64": "..."}` is a
string of bytes.
"""

import base64
import binascii
import json

import numpy as np

MOST_DIGITS = 2**24 - 1  # whole numbers up to this are exact in float32
_SHOWN = 80  # characters of a value that an error repeats


class RequestError(Exception):
    """A request that is refused.

    Args:
      message: what was expected, in a sentence.
      status: of HTTP.
      retry_after: seconds after which another try makes sense, or None.
    """

    def __init__(self, message, status=400, retry_after=None):
        super().__init__(message)
        self.message, self.status, self.retry_after = message, status, retry_after


def parse(body):
    """The JSON object of a request's body.

    Raises:
      RequestError: there is none.
    """
    if not body:
        raise RequestError("JSON Parse error: The document is empty")
    try:
        found = json.loads(body)
    except RecursionError:
        raise RequestError("JSON Parse error: lists are nested too deep") from None
    except ValueError as error:  # UnicodeDecodeError is one too
        raise RequestError(f"JSON Parse error: {error}") from None
    if not isinstance(found, dict):
        raise RequestError(f"JSON Value: {_shown(found)} Is not object")
    return found


def signature_name(request, default="serving_default"):
    """The signature that a request names."""
    name = request.get("signature_name", "")
    if not isinstance(name, str):
        raise RequestError(
            f"JSON Value: {_shown(name)} not formatted correctly. 'signature_name' key must be a "
            "string value."
        )
    return name or default


def arrays(request, specs, booleans=True):
    """The tensors of a request, as numpy arrays.

    Args:
      request: a JSON object.
      specs: {name: `tf.TensorSpec`} of the signature's inputs.
      booleans: whether `true` or `false` stands in the request; saves looking for them.

    Returns:
      ({name: array}, whether they came by row).

    Raises:
      RequestError: what does not fit.
    """
    keys = {"instances", "inputs"} & set(request)
    if not keys:
        raise RequestError("Missing 'inputs' or 'instances' key")
    if len(keys) == 2:
        raise RequestError(
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist"
        )
    by_row = keys == {"instances"}
    columns = _rows(request["instances"], specs) if by_row else _columns(request["inputs"], specs)
    found = {n: _array(columns[n], n, spec, booleans) for n, spec in specs.items()}
    return found, by_row


def answer(tensors, by_row):
    """The JSON text of an answer.

    Args:
      tensors: {name: numpy array}.
      by_row: as of `arrays`.
    """
    values = {name: _listed(name, array) for name, array in tensors.items()}
    if not by_row:
        return json.dumps({"outputs": _only(values)})
    sizes = {array.shape[0] if array.ndim else None for array in tensors.values()}
    if len(sizes) != 1 or None in sizes:
        shapes = ", ".join(f"{name} {list(a.shape)}" for name, a in sorted(tensors.items()))
        raise RequestError(
            f"Outputs must have one size in their first dimension to be given by row. They have: "
            f"{shapes}; ask by 'inputs'"
        )
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return json.dumps({"predictions": [_only(row) for row in rows]})


def _only(values):
    """The value itself where there is one."""
    return next(iter(values.values())) if len(values) == 1 else values


def _listed(name, array):
    """An array as nested lists; float32 in as few digits as tell it apart."""
    if array.dtype.kind == "O":
        return _strings(array.tolist(), name.endswith("_bytes"))
    if array.dtype == np.float32:
        return array.astype(str).astype(np.float64).tolist()
    return array.tolist()


def _strings(value, as_bytes):
    if isinstance(value, list):
        return [_strings(part, as_bytes) for part in value]
    if as_bytes:
        return {"b64": base64.b64encode(value).decode()}
    return value.decode("utf-8", "replace")


def _is_bytes(value):
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def _columns(inputs, specs):
    """{name: values} of "inputs"."""
    if not isinstance(inputs, dict) or _is_bytes(inputs):
        if len(specs) > 1:
            raise RequestError(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                f"required: {', '.join(sorted(specs))}"
            )
        return dict.fromkeys(specs, inputs)
    for name in sorted(specs):
        if name not in inputs:
            raise RequestError(f"Missing named input: {name} in 'inputs' object.")
    return inputs


def _rows(instances, specs):
    """{name: values} of "instances"."""
    if not isinstance(instances, list):
        raise RequestError("Expecting 'instances' to be a list/array")
    if not instances:
        raise RequestError("No values in 'instances' array")
    named = isinstance(instances[0], dict) and not _is_bytes(instances[0])
    if not named and len(specs) > 1:
        raise RequestError(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            f"required: {', '.join(sorted(specs))}"
        )
    for i, row in enumerate(instances):
        if (isinstance(row, dict) and not _is_bytes(row)) != named:
            kind = "object but got list" if named else "value/list but got object"
            raise RequestError(f"Expecting {kind} at item {i} of input list")
        if named and set(row) != set(specs):
            raise RequestError(
                f"Failed to process element: {i} of 'instances' list. JSON object: {_shown(row)} "
                f"keys must be equal to: {','.join(sorted(specs))}"
            )
    if named:
        return {name: [row[name] for row in instances] for name in specs}
    return dict.fromkeys(specs, instances)


def _array(value, name, spec, booleans):
    """One tensor, checked against the signature."""
    kind = spec.dtype
    array = _of_strings(value, name) if kind.name == "string" else _of_numbers(value, name, kind)
    if booleans and kind.name != "bool":
        _refuse_booleans(value, name, kind)
    shape = spec.shape.as_list() if spec.shape.rank is not None else None
    fits = shape is None or (
        len(shape) == array.ndim
        and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    )
    if not fits:
        expected = [-1 if side is None else side for side in shape]
        raise RequestError(
            f"`{name}` must have the shape {expected}, where -1 is any. Received shape: "
            f"{list(array.shape)}"
        )
    return array


def _of_numbers(value, name, kind):
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        raise RequestError(
            f"`{name}` must be a list with as many values in each of its lists. Received lists of "
            f"different sizes: {_shown(value)}"
        ) from None
    if not array.size and array.dtype.kind in "fiu":
        return array.astype(kind.as_numpy_dtype)
    allowed = "b" if kind.name == "bool" else "fiu" if kind.is_floating else "iu"
    if array.dtype.kind not in allowed:
        raise RequestError(
            f"JSON Value: {_shown(value)} of `{name}` is not of expected type: {kind.name}"
        )
    if kind.is_floating:
        return _exact(array, name, kind)
    if kind.is_integer and (array.min() < kind.min or array.max() > kind.max):
        raise RequestError(f"`{name}` must be of type {kind.name}. Received: {_shown(value)}")
    return array.astype(kind.as_numpy_dtype)


def _exact(array, name, kind):
    """Floats that the type can hold."""
    whole = array.dtype.kind in "iu"
    limit = MOST_DIGITS if whole and kind.name == "float32" else kind.max
    finite = array if whole else array[np.isfinite(array)]
    if finite.size and np.abs(finite.astype(np.float64)).max() > limit:
        largest = finite.ravel()[np.abs(finite.astype(np.float64)).argmax()]
        raise RequestError(
            f"Cannot convert JSON value: {largest} of `{name}` to {kind.name} without loss of "
            "precision."
        )
    return array.astype(kind.as_numpy_dtype)


def _refuse_booleans(value, name, kind):
    """numpy would take them for 0 and 1."""
    if isinstance(value, list):
        for part in value:
            _refuse_booleans(part, name, kind)
    elif isinstance(value, bool):
        raise RequestError(
            f"JSON Value: {_shown(value)} of `{name}` Type: {value} is not of expected type: "
            f"{kind.name}"
        )


def _of_strings(value, name):
    """An array of bytes objects."""
    shape, part = [], value
    while isinstance(part, list):
        shape.append(len(part))
        part = part[0] if part else None
    if len(shape) > 32:  # more than numpy has axes
        raise RequestError(f"`{name}`: lists are nested too deep")
    flat = []
    _gather(value, shape, name, flat)
    array = np.empty(len(flat), object)
    array[:] = flat
    return array.reshape(shape)


def _gather(value, shape, name, flat):
    if isinstance(value, list) != bool(shape) or (shape and len(value) != shape[0]):
        raise RequestError(
            f"`{name}` must be a list with as many values in each of its lists. Received at one "
            f"place: {_shown(value)}"
        )
    if shape:
        for part in value:
            _gather(part, shape[1:], name, flat)
    else:
        flat.append(_bytes_of(value, name))


def _bytes_of(value, name):
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise RequestError(f"`{name}` must be text. Received: {error}") from None
    if not isinstance(value, dict):
        raise RequestError(
            f"JSON Value: {_shown(value)} of `{name}` is not of expected type: string"
        )
    if not _is_bytes(value):
        raise RequestError(
            f"JSON Value: {_shown(value)} of `{name}` not formatted correctly for base64 data: "
            'expecting {"b64": "..."}'
        )
    text = "".join(value["b64"].split())
    try:
        return base64.b64decode(text.ljust(-(-len(text) // 4) * 4, "="), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(f"Unable to base64 decode `{name}`: {error}") from None


def _shown(value):
    """The beginning of a value, for an error."""
    if isinstance(value, list):
        value = value[:_SHOWN]  # what follows would be cut off
    text = json.dumps(value, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
