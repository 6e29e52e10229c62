"""What the tests of models share."""

import pytest
import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode
from tests.models.helpers import draw


@pytest.fixture
def episode():
    """Two small few-shot episodes with a row of padding."""
    return FewShotEpisode(
        draw(0, 2, 5),
        tf.constant([[0, 1, 2, -1, 1], [2, 0, 0, 1, 2]]),
        draw(1, 2, 4),
        tf.constant([[0, 1, 2, -1], [1, 1, 0, 2]]),
    )
