"""A short run of the load measurement: nothing is lost, and every answer has the right bits."""

import pytest

from tests.benchmarks import serving_load


@pytest.mark.slow
def test_load():
    found = serving_load.measure(clients=8, each=20, many=400)
    assert found["requests"] == 160
    assert found["memory_growth_mb"] < 50
