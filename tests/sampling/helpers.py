"""Finding drawings again in sampled pictures, and comparing episodes."""

import numpy as np


def find_drawings(dataset, inputs, turns=0):
    """int [...]: which picture of `dataset` each of `inputs` [..., H, W, C] is; -1 is none."""
    pictures = np.rot90(dataset.images, turns, axes=(1, 2))
    known = {picture.tobytes(): i for i, picture in enumerate(pictures)}
    inputs = np.rint(np.asarray(inputs) * 255).astype(np.uint8)
    flat = inputs.reshape(-1, *inputs.shape[-3:])
    return np.array([known.get(p.tobytes(), -1) for p in flat]).reshape(inputs.shape[:-3])


def assert_equal_episodes(found, expected, row=None):
    """All labels equal, pictures but for rounding, which depends on the size of the batch.

    Args:
      found: an episode tuple.
      expected: likewise; with `row`, `found` is this one episode of it.
    """
    assert type(found) is type(expected)
    for a, b in zip(found, expected, strict=True):
        b = b if row is None else b[row : row + 1]
        assert a.shape == b.shape and a.dtype == b.dtype
        tolerance = 1e-6 if a.dtype.is_floating else 0
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)
