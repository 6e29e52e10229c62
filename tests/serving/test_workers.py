import threading

import pytest

from oneshot_tf.serving.rest_values import RequestError
from oneshot_tf.serving.workers import Workers


def test_answers_and_errors_come_back():
    pool = Workers(2)
    assert pool.submit(lambda x: x + 1, 2).result() == 3
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result()
    assert pool.submit(max, 1, 2).result() == 2
    pool.close()
    assert pool.inside == 0


def test_as_many_as_it_may_hold():
    pool, go = Workers(2, queue=3), threading.Event()
    waiting = [pool.submit(go.wait, 30) for _ in range(5)]
    assert pool.inside == 5
    with pytest.raises(RequestError, match="3 requests are waiting") as error:
        pool.submit(go.wait)
    assert error.value.status == 503 and error.value.retry_after >= 1
    assert waiting[4].cancel() and pool.inside == 4
    go.set()
    assert all(future.result() for future in waiting[:4])
    pool.submit(go.wait).result()
    pool.close()


def test_no_queue():
    pool, go = Workers(1, queue=0), threading.Event()
    first = pool.submit(go.wait, 30)
    with pytest.raises(RequestError):
        pool.submit(go.wait)
    go.set()
    first.result()
    pool.close()
