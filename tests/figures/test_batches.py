"""Accuracy by training batch: what is kept of a run, and what is drawn of it."""

import numpy as np
import pytest

from oneshot_tf.figures import batches


def make_config(batch_size=8):
    train = {"way": 5, "shot": 1, "batch_size": batch_size}
    return {"data": {"dataset": "omniglot"}, "train": train}


def make_metrics(lines=10):
    """Training accuracy i, validation accuracy 10 i at every fifth line."""
    found = []
    for i in range(1, lines + 1):
        found.append({"kind": "train", "episode": 80 * i, "loss": 1.0 / i, "accuracy": float(i)})
        if i % 5 == 0:
            found.append({"kind": "validation", "episode": 80 * i, "accuracy": 10.0 * i})
    return found


def make_curve(offset=0.0, **kwargs):
    curve = batches.thin(make_metrics(), make_config(**kwargs))
    for point in curve["points"] + curve["validation"]:
        point["accuracy"] += offset
    return curve


def test_thinning_keeps_means_and_last_episodes():
    curve = batches.thin(make_metrics(), make_config(), points=5)
    assert {k: v for k, v in curve.items() if k not in ("points", "validation")} == {
        "dataset": "omniglot",
        "way": 5,
        "shot": 1,
        "way_from": None,
        "shot_from": None,
        "batch_size": 8,
    }
    assert [p["episode"] for p in curve["points"]] == [160, 320, 480, 640, 800]
    assert [p["accuracy"] for p in curve["points"]] == [1.5, 3.5, 5.5, 7.5, 9.5]
    assert curve["points"][0]["loss"] == 0.75
    assert curve["validation"] == [
        {"episode": 400, "accuracy": 50.0},
        {"episode": 800, "accuracy": 100.0},
    ]


def test_which_runs_are_few_shot():
    assert batches.is_of(make_metrics())
    assert not batches.is_of([])
    assert not batches.is_of([{"kind": "validation", "episode": 1, "accuracy": 1.0}])
    sequence = {"kind": "train", "episode": 1, "accuracy": 1.0, "by_presentation": [1.0, 2.0]}
    assert not batches.is_of([sequence, *make_metrics()])


def test_a_line_a_config_by_updates():
    curves = {"matching_x": [make_curve()], "siamese_x": [make_curve(batch_size=16)]}
    drawn = batches.draw({**curves, "flmn_x": [{"seed": 0, "points": []}]})
    assert set(drawn) == {"few_shot_omniglot"}
    figure = drawn["few_shot_omniglot"]
    axes = figure.axes[0]
    lines = [
        line for line in axes.lines if len(line.get_xdata()) > 2 or line.get_marker() != "None"
    ]
    lines = [line for line in lines if len(line.get_xdata())]
    dotted, solid = lines[0], lines[1]
    assert (dotted.get_linestyle(), solid.get_linestyle()) == (":", "-")
    assert dotted.get_color() == solid.get_color() != lines[3].get_color()
    np.testing.assert_array_equal(dotted.get_xdata(), 10 * np.arange(1, 11))
    np.testing.assert_array_equal(dotted.get_ydata(), np.arange(1, 11))
    np.testing.assert_array_equal(solid.get_xdata(), [50, 100])
    np.testing.assert_array_equal(solid.get_ydata(), [50, 100])
    np.testing.assert_array_equal(lines[3].get_xdata(), [25, 50])  # batches twice as large
    assert "8 or 16 episodes" in axes.get_xlabel()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[0].startswith("matching_x") and "5-way 1-shot" in legend[0]


def test_seeds_are_averaged_as_far_as_all_have_come_and_the_best_is_named_first():
    short = make_curve(-30.0)
    short["points"] = short["points"][:5]
    curves = {"a": [make_curve(-50.0)], "b": [make_curve(-20.0), short], "c": [make_curve(-5.0)]}
    figure = batches.draw(curves)["few_shot_omniglot"]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text.split("\n")[0] for text in legend] == ["c", "b", "a"]
    assert "2 seeds; 75.0 % at the end" in legend[1]
    dotted = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"][1]
    np.testing.assert_array_equal(dotted.get_xdata(), [10, 20, 30, 40, 50])
    np.testing.assert_allclose(dotted.get_ydata(), np.arange(1, 6) - 25.0)


@pytest.mark.parametrize("dataset", ["omniglot", "mnist"])
def test_a_run_without_validation_is_drawn_as_well(dataset):
    curve = {**make_curve(), "validation": [], "dataset": dataset}
    (figure,) = (f for n, f in batches.draw({"a": [curve]}).items() if dataset in n)
    assert "nothing validated" in figure.legends[0].get_texts()[0].get_text()


def test_the_axis_goes_a_little_beyond_the_curves():
    """The first steps, which are far below, do not count."""
    points = [
        {"episode": 1, "accuracy": 20.0},
        *({"episode": e, "accuracy": 91.0 + e / 100} for e in range(50, 500, 50)),
    ]
    assert batches.limits([{"points": points, "validation": []}]) == (85, 100)
    low = [{"episode": 9, "accuracy": 3.0}]
    assert batches.limits([{"points": points, "validation": low}]) == (0, 100)
    assert batches.limits([{"points": low, "validation": low}]) == (0, 10)
