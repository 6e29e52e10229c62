"""Files that are nearly right: strategies for hypothesis, and what a reader may do with them."""

import json

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings

from oneshot_tf.errors import UserError

CASES = 10_000  # of each reader
many = settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.builds(list),  # made anew: a later change may be made inside
    st.builds(dict),
    st.builds(lambda: [[1], {"a": None}]),
)


@st.composite
def damaged(draw, files):
    """The bytes of one of some files: cut, overwritten, doubled or mixed with others; seldom as it is.

    Args:
      draw: of hypothesis.
      files: a list of bytes.
    """
    content = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        end = at + draw(st.sampled_from([0, 1, 2, 4, 16, 1 << 30]))
        piece = draw(st.one_of(st.binary(max_size=8), st.just(bytes(content[at:end]) * 2)))
        content[at:end] = piece
    return bytes(content)


@st.composite
def changed_json(draw, value, most=3):
    """A structure that JSON can hold, with some of its parts replaced, left out or added.

    Args:
      draw: of hypothesis.
      value: the right structure.
      most: how many changes.
    """
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(0, most))):
        place = value
        while isinstance(place, (dict, list)) and place:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            key = draw(st.sampled_from(list(keys)))
            if not isinstance(place[key], (dict, list)) or draw(st.integers(0, 2)) == 0:
                break
            place = place[key]
        else:
            continue
        if draw(st.booleans()):
            place[key] = draw(JUNK)
        elif isinstance(place, dict) and draw(st.booleans()):
            place[draw(st.text(max_size=5))] = draw(JUNK)
        else:
            del place[key]
    return value


def read(function, *arguments):
    """What a reader gives, or None where it refuses; anything but one line is an error."""
    try:
        return function(*arguments)
    except UserError as error:
        assert "\n" not in str(error)
        return None
