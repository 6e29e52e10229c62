"""Accuracy by training batch: what is kept of a run, and what is drawn of it."""

import numpy as np

from oneshot_tf.figures import batches


def make_config(batch_size=8, way=5, held_out=2):
    train = {"way": way, "shot": 1, "batch_size": batch_size}
    data = {"dataset": "omniglot", "test_rotations": True}
    return {"data": data, "train": train, "split": {"classes": [9, held_out, 9]}}


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
    (axes,) = drawn["few_shot_omniglot"].axes
    first, second = (
        line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"
    )
    assert first.get_color() != second.get_color()
    np.testing.assert_array_equal(first.get_xdata(), [50, 100])
    np.testing.assert_array_equal(first.get_ydata(), [50, 100])
    np.testing.assert_array_equal(second.get_xdata(), [25, 50])  # batches twice as large
    assert "8 or 16 episodes" in axes.get_xlabel() and axes.get_title() == "5-way 1-shot"
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend[0].startswith("matching_x") and "5-way 1-shot" in legend[0]


def test_a_panel_is_of_the_task_that_validation_had():
    few, many = make_curve(way=20, held_out=4), make_curve(way=20, held_out=5)
    assert few["validation_classes"] == 16 and "validation_classes" not in many
    drawn = batches.draw({"few": [few], "many": [many]})["few_shot_omniglot"]
    assert [axes.get_title() for axes in drawn.axes] == ["16-way 1-shot", "20-way 1-shot"]


def test_seeds_are_averaged_as_far_as_all_have_come_and_the_best_is_named_first():
    def seed(*accuracies):
        points = [{"episode": 400 * (i + 1), "accuracy": a} for i, a in enumerate(accuracies)]
        return {**make_curve(), "validation": points}

    curves = {"a": [seed(40.0, 50.0)], "b": [seed(70.0, 80.0, 85.0), seed(60.0, 76.0)]}
    (axes,) = batches.draw({**curves, "c": [seed(90.0, 95.0)]})["few_shot_omniglot"].axes
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [text.split("\n")[0] for text in legend] == ["c", "b", "a"]
    assert "2 seeds; 78.0 % at the end" in legend[1]
    line = next(line for line in axes.lines if list(line.get_ydata()) == [65.0, 78.0])
    np.testing.assert_array_equal(line.get_xdata(), [50, 100])


def test_unlike_tasks_have_panels_of_their_own():
    other = {**make_curve(), "way": 20, "shot": 5, "shot_from": 1}
    figure = batches.draw({"a": [make_curve()], "b": [other]})["few_shot_omniglot"]
    assert [axes.get_title() for axes in figure.axes] == ["5-way 1-shot", "20-way 1-shot"]
    assert [len(axes.get_legend().get_texts()) for axes in figure.axes] == [1, 1]


def test_a_run_without_validation_is_not_drawn():
    assert batches.draw({"a": [{**make_curve(), "validation": []}]}) == {}


def test_the_axis_goes_a_little_beyond_the_curves():
    """The first steps, which are far below, do not count."""
    points = [
        {"episode": 1, "accuracy": 20.0},
        *({"episode": e, "accuracy": 91.0 + e / 100} for e in range(50, 500, 50)),
    ]
    assert batches.limits([{"validation": points}]) == (85, 100)
    low = [{"episode": 9, "accuracy": 3.0}]
    assert batches.limits([{"validation": low}]) == (0, 10)
