"""Slow tests are skipped when their time is over, and only they."""

import types

import pytest

from tests.conftest import pytest_runtest_setup


@pytest.mark.parametrize(
    ("until", "slow", "skipped"),
    [("", True, False), ("9e9", True, False), ("1", True, True), ("1", False, False)],
)
def test_slow_tests_begin_until_their_time_is_over(monkeypatch, until, slow, skipped):
    monkeypatch.setenv("ONESHOT_TF_TESTS_UNTIL", until)
    item = types.SimpleNamespace(get_closest_marker={"slow": slow}.get)
    try:
        pytest_runtest_setup(item)
    except pytest.skip.Exception:
        assert skipped
    else:
        assert not skipped
