import json

import pytest

from oneshot_tf import benchmark
from oneshot_tf.errors import UserError
from oneshot_tf.models.flmn import FLMNOptions
from tests.test_commands import SMALL, pictures

__all__ = ["pictures"]


def test_the_table_holds_every_number(pictures, tmp_path, capsys):
    words = ["benchmark", "--model=flmn", "--dataset=folder", f"--data_dir={pictures}", *SMALL]
    path = tmp_path / "numbers.json"
    benchmark.main([*words, "--updates=2", f"--json={path}"])
    numbers = json.loads(path.read_text())
    assert numbers["episodes_per_second"] > 0 and numbers["bare_episodes_per_second"] > 0
    ratio = numbers["episodes_per_second"] / numbers["bare_episodes_per_second"]
    assert numbers["real_over_bare"] == pytest.approx(ratio, rel=0.02)
    assert numbers["images_per_second"] == pytest.approx(4 * numbers["episodes_per_second"], abs=3)
    printed = capsys.readouterr().out
    assert all(str(numbers[key]) in printed for key in ("real_over_bare", "peak_memory_gib"))


def test_flops_count_every_matrix_product(make_learner):
    learner = make_learner("flmn", encoder="flat", controller="lstm")
    cell, options = learner.cell, learner.options
    assert isinstance(options, FLMNOptions)
    pixels, units, width = 64, options.hidden_size, options.width
    products = (pixels + learner.way) * 4 * units + (units + width) * 4 * units
    products += units * cell.head_kernel.shape[1] + 4 * options.rows * width
    products += (units + width) * learner.way
    assert learner.flops_per_episode(7) == 3 * 7 * 2 * products


def test_updates_must_be_positive():
    with pytest.raises(UserError, match="at least 1"):
        benchmark.main(["benchmark", "--model=flmn", "--updates=0"])


def test_peak_is_measured():
    assert benchmark.matmul_peak(size=64, repeats=2) > 0
