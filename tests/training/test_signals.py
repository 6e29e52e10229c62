import os
import signal
import threading

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


def test_a_thread_that_trains_leaves_them_to_the_main_one():
    before, found = signal.getsignal(signal.SIGINT), []

    def enter():
        with Signals() as signals:
            found.append((signals.code, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [(None, before)]
