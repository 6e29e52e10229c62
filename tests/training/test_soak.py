import json
import pathlib

import pytest

from tests.benchmarks import soak
from tests.commands.test_train import pictures

__all__ = ["pictures"]

ROOT = pathlib.Path(__file__).resolve().parents[2]


def readings(gib=lambda m: 1.0, busy=lambda m: 1.0, rate=lambda m: 600):
    """One a minute for an hour: memory, share of a core and episodes a minute, by the minute."""
    found, cpu, episodes = [], 0.0, 0
    for minute in range(61):
        found.append(soak.Reading(minute, gib(minute), cpu, episodes))
        cpu, episodes = cpu + 60 * busy(minute), episodes + rate(minute)
    return found


def test_what_is_steady_is_flat_whatever_the_warm_up_was():
    found = soak.judge(readings(gib=lambda m: 0.5 if m < 10 else 1.0, rate=lambda m: 60 * m if m < 10 else 600), 10)  # fmt: skip
    assert found["flat"] and found["memory_change"] == found["rate_change"] == 0
    assert [part["minutes"] for part in found["parts"]] == [[10 + 10 * i, 20 + 10 * i] for i in range(5)]  # fmt: skip
    assert {part["episodes_per_cpu_minute"] for part in found["parts"]} == {600}


@pytest.mark.parametrize("name, change, given", [
    ("memory_change", 0.06, {"gib": lambda m: 1.06 if m > 45 else 1.0}),
    ("memory_change", -0.06, {"gib": lambda m: 0.94 if m > 45 else 1.0}),
    ("cpu_rate_change", -0.0567, {"busy": lambda m: 1.06 if m >= 50 else 1.0}),
])  # fmt: skip
def test_more_than_five_percent_is_not(name, change, given):
    found = soak.judge(readings(**given), 10)
    assert not found["flat"] and found[name] == pytest.approx(change, abs=1e-4)


def test_a_busy_machine_slows_the_clocks_rate_alone():
    slowed = soak.judge(readings(busy=lambda m: 0.5 if m >= 50 else 1.0, rate=lambda m: 300 if m >= 50 else 600), 10)  # fmt: skip
    assert slowed["flat"] and slowed["rate_change"] == -0.5 and slowed["cpu_rate_change"] == 0


def test_an_hour_that_was_cut_short_says_nothing():
    with pytest.raises(ValueError, match="2 readings after 59"):
        soak.judge(readings(), 59)


def test_a_log_is_read_while_it_is_written(tmp_path):
    assert soak.episodes_of(tmp_path) == 0
    lines = [{"kind": "train", "episode": 80}, {"kind": "validation", "episode": 100}]
    log = tmp_path / "metrics.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"kind": "tr')
    assert soak.episodes_of(tmp_path) == 80


@pytest.mark.slow  # a process that trains
def test_a_training_is_watched_and_ends_as_it_is_told(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    own = [f"--data_dir={pictures}", "--episodes=100000000", f"--workdir={tmp_path}"]
    flags = ["--model=lstm", "--dataset=folder", "--image_size=8", "--way=2", "--shot=2", *own]
    found = soak.watch(flags, 0.1, every=0.5)
    assert all(a.minutes < b.minutes for a, b in zip(found, found[1:], strict=False))
    assert 0.1 < found[-1].gib < 3 and 1 < found[-1].cpu_seconds < 120
    assert 0 < found[-1].episodes <= soak.episodes_of(tmp_path)
    assert list((tmp_path / "checkpoints").iterdir())
    with pytest.raises(SystemExit, match="ended before"):
        soak.watch([*flags, "--way=0"], 0.1, every=0.5)
