"""Static checks of shapes, at trace time."""


def check(dims=None, **tensors):
    """Checks tensors against patterns of named dimensions; unknown dimensions pass.

    Args:
      dims: sizes that are known beforehand, {"N": 128}.
      **tensors: name=(tensor, "B N W"); a number in the pattern is an exact size.

    Raises:
      ValueError: a rank or a size does not fit, with all that is known.
    """
    sizes = dict(dims or {})
    for name, (tensor, pattern) in tensors.items():
        letters = pattern.split()
        shape = tensor.shape
        if shape.rank is None:
            continue
        if shape.rank != len(letters):
            raise ValueError(f"`{name}` must be [{pattern}]. Received: shape={shape}")
        for letter, size in zip(letters, shape, strict=True):
            expected = int(letter) if letter.isdigit() else sizes.setdefault(letter, size)
            if expected is None:
                sizes[letter] = size
            elif size is not None and size != expected:
                raise ValueError(
                    f"`{name}` must be [{pattern}] with {letter}={expected}. Received: shape={shape}"
                )
