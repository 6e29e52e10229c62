"""What a server answers about a version of a model, and what the model answers to a request."""

import typing

import tensorflow as tf
from tensorflow.core.framework import types_pb2

from oneshot_tf.serving import limits, model, rest_values
from oneshot_tf.serving.rest_values import RequestError

_PUBLIC = ("model", "config", "way", "image_size", "channels", "ink", "signatures")
# TensorFlow Serving's, of https://github.com/tensorflow/serving, util/net_http
_STATUS = {
    tf.errors.InvalidArgumentError: 400,
    tf.errors.FailedPreconditionError: 400,
    tf.errors.OutOfRangeError: 400,
    tf.errors.NotFoundError: 404,
    tf.errors.ResourceExhaustedError: 429,
    tf.errors.UnimplementedError: 501,
    tf.errors.UnavailableError: 503,
    tf.errors.DeadlineExceededError: 504,
}


class Asked(typing.NamedTuple):
    """A request that has been read.

    Attributes:
      signature: the name of the signature that it asks.
      tensors: {name: tensor}, its arguments.
      by_row: whether it is answered row by row, see `rest_values.answer`.
      large: whether it has to run alone, see `limits.check`.
    """

    signature: str
    tensors: dict
    by_row: bool
    large: bool


def read(version, body):
    """Reads and checks the body of a request.

    Args:
      version: `repository.Version`.
      body: bytes.

    Returns:
      `Asked`.

    Raises:
      RequestError: the request does not fit.
    """
    request = rest_values.parse(body)
    name = rest_values.signature_name(request)
    if name not in version.inputs:
        raise RequestError(f'Serving signature name: "{name}" not found in signature def')
    specs = version.inputs[name]
    booleans = b"true" in body or b"false" in body
    try:
        arrays, by_row = rest_values.arrays(request, specs, booleans)
    except RecursionError:
        raise RequestError("Lists of the request are nested too deep") from None
    del request  # a large one takes many times the memory of its arrays
    large = limits.check(arrays, image_shape(specs))
    tensors = {n: tf.constant(a, specs[n].dtype) for n, a in arrays.items()}
    return Asked(name, tensors, by_row, large)


def answer(version, asked):
    """The JSON text that a version answers to an `Asked`.

    Raises:
      RequestError: the graph refuses it.
    """
    found = run(version.functions[asked.signature], asked.tensors)
    return rest_values.answer(found, asked.by_row)


def predict(version, body):
    """Reads a request, and answers it unless it is large.

    Args:
      version: `repository.Version`.
      body: bytes.

    Returns:
      (`Asked`, the answer's JSON text, or None where it still has to run alone).

    Raises:
      RequestError: as of `read` and `answer`.
    """
    asked = read(version, body)
    return asked, None if asked.large else answer(version, asked)


def run(function, tensors):
    """{name: numpy array} of a signature.

    Raises:
      RequestError: the graph refuses its arguments.
    """
    try:
        return {name: tensor.numpy() for name, tensor in function(**tensors).items()}
    except tf.errors.OpError as error:
        status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 500)
        raise RequestError(model.reason(error), status) from None


def image_shape(specs):
    """(H, W, C) of the pictures that a signature takes as arrays, or None."""
    for spec in specs.values():
        shape = spec.shape.as_list() if spec.shape.rank else []
        if spec.dtype == tf.float32 and len(shape) >= 4 and None not in shape[-3:]:
            return tuple(shape[-3:])
    return None


def metadata(name, version):
    """What `GET .../metadata` answers."""
    signatures = {key: _signature(found) for key, found in version.definitions.items()}
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(version.number)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def public(fields):
    """What the page is told of an export."""
    return {name: fields[name] for name in _PUBLIC if name in fields}


def _signature(found):
    return {
        "inputs": {name: _tensor(info) for name, info in found.inputs.items()},
        "outputs": {name: _tensor(info) for name, info in found.outputs.items()},
        "method_name": found.method_name,
    }


def _tensor(info):
    shape = info.tensor_shape
    dimensions = [{"size": str(dim.size), "name": dim.name} for dim in shape.dim]
    return {
        "dtype": types_pb2.DataType.Name(info.dtype),
        "tensor_shape": {"dim": dimensions, "unknown_rank": shape.unknown_rank},
        "name": info.name,
    }
