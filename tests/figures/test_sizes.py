import pytest

from oneshot_tf.figures import sizes


def record(config, mean, seed=0, part="test", trained_on="omniglot"):
    return {
        "config": config,
        "seed": seed,
        "dataset": "omniglot",
        "protocol": {"kind": "few_shot", "part": part, "shot": [1, 5]},
        "accuracy": {"5w1s": {"mean": mean, "ci95": 0.2}, "20w1s": {"mean": mean - 4, "ci95": 0.3}},
        "train": {"dataset": trained_on},
    }


KEPT = [
    record("mmnet_hidden128_omniglot", 97.0),
    record("mmnet_hidden512_omniglot", 98.0),
    record("mmnet_hidden512_omniglot", 99.0, seed=1),
]
OTHERS = [
    record("mmnet_omniglot", 1.0),
    record("mmnet_hidden128_omniglot", 1.0, part="validation"),
    record("mmnet_hidden128_omniglot", 1.0) | {"accuracy": {"20w2s": {"mean": 1.0, "ci95": 0.2}}},
    record("mmnet_hidden128_omniglot", 1.0, trained_on="glyphs"),
]


def test_bars_are_the_means_of_the_records_of_a_size():
    drawn = sizes.draw(KEPT + OTHERS)
    assert set(drawn) == {"mmnet_hidden_size_omniglot"}
    axes = drawn["mmnet_hidden_size_omniglot"].axes[0]
    heights = [round(float(bar.get_height()), 3) for bar in axes.patches]
    assert heights == [97.0, 93.0, 98.5, 94.5]
    assert axes.get_legend_handles_labels()[1] == ["128 units", "512 units"]
    assert axes.get_ylim()[0] == 85.0


@pytest.mark.parametrize("kept", [[], KEPT[:1], OTHERS])
def test_one_size_is_no_figure(kept):
    assert sizes.draw(kept) == {}
