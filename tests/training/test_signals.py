import os
import signal

import pytest

from oneshot_tf.training.signals import Signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_is_noted_and_the_handler_before_it_comes_back(number, code):
    before = signal.getsignal(number)
    with Signals() as signals:
        assert signals.code is None
        os.kill(os.getpid(), number)
        assert signals.code == code
    assert signal.getsignal(number) is before
