import json

import pytest

from oneshot_tf.commands import benchmark
from oneshot_tf.errors import UserError
from oneshot_tf.models.flmn import FLMNOptions
from tests.commands.test_train import SMALL, pictures

__all__ = ["pictures"]


@pytest.mark.slow  # compiles two graphs
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
    learner = make_learner("flmn", encoder="flat", controller="lstm", answer_units=0)
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


@pytest.mark.slow  # compiles three graphs of MM-Net
def test_parts_of_a_step_are_timed(pictures, tmp_path, capsys):
    path = tmp_path / "numbers.json"
    words = ["--model=mmnet", "--dataset=folder", f"--data_dir={pictures}", "--image_size=8"]
    words += ["--way=3", "--shot=2", "--queries=1", "--blocks=2", "--filters=4", "--key_width=5"]
    words += ["--hidden_size=6", "--batch_size=2", "--updates=2", f"--json={path}"]
    benchmark.main(["benchmark", *words])
    numbers = json.loads(path.read_text())
    assert set(numbers["parts_of_bare"]) == {"write"} and numbers["parts_of_bare"]["write"] > 0
    assert "share of the bare step: write" in capsys.readouterr().out


@pytest.mark.slow  # compiles in two precisions
def test_the_other_precision_and_episodes_of_one_size(pictures, tmp_path):
    path = tmp_path / "numbers.json"
    words = ["--model=matching", "--dataset=folder", f"--data_dir={pictures}", "--image_size=8"]
    words += ["--way=2:4", "--shot=1:2", "--queries=1", "--blocks=2", "--filters=4"]
    words += ["--precision=float32"]  # which one is the default is the processor's affair
    benchmark.main(["benchmark", *words, "--other_precision", "--updates=2", f"--json={path}"])
    numbers = json.loads(path.read_text())
    assert numbers["other_over_bare"] > 0 and numbers["precision"] == "float32"
    # way 3, shot 1, one query: 6 pictures an episode
    ratio = numbers["images_per_second"] / numbers["episodes_per_second"]
    assert ratio == pytest.approx(6, rel=0.05)
