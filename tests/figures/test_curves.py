"""Accuracy by presentation over training: what is kept of a run, and what is drawn of it."""

import numpy as np
import pytest

from oneshot_tf.errors import UserError
from oneshot_tf.figures import curves

FLMN, MANN = "flmn_omniglot_1_paper", "mann_1head_omniglot_1"


def test_thinning_averages_and_keeps_the_last_episode():
    metrics = [
        {
            "kind": "train",
            "episode": i + 1,
            "loss": float(i),
            "by_presentation": [float(i), 2.0 * i],
        }
        for i in range(10)
    ]
    points = curves.thin(metrics, 5)
    assert [p["episode"] for p in points] == [2, 4, 6, 8, 10]
    assert [p["loss"] for p in points] == [0.5, 2.5, 4.5, 6.5, 8.5]
    assert points[-1]["by_presentation"] == [8.5, 17.0]
    with pytest.raises(UserError, match="by presentation"):
        curves.thin([{"kind": "validation", "episode": 1}])


def test_curves_show_the_mean_over_seeds():
    def run(seed, value):
        points = [{"episode": e, "loss": value, "by_presentation": [value] * 10} for e in (10, 20)]
        return {"seed": seed, "points": points}

    drawn, missing = curves.draw({FLMN: [run(0, 40.0), run(1, 60.0)]})
    assert set(drawn) == {"flmn_figure_3", "flmn_figure_5"} and MANN in missing
    axes = drawn["flmn_figure_3"].axes[0]
    assert "2 seeds" in axes.get_title()
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), [10, 20])
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), [50, 50])


def test_panels_of_own_runs_have_three_columns():
    """And as many lines as there are presentations; few-shot runs have none."""
    points = [{"episode": e, "loss": 1.0, "by_presentation": [30.0, 60.0]} for e in (10, 20)]
    own = {f"run {i}": [{"seed": 0, "way": 5, "points": points}] for i in range(4)}
    few = {"seed": 0, "points": [{"episode": 1, "accuracy": 9.0}]}
    named = {FLMN: own["run 0"], "few": [few], "none": [{"seed": 0, "points": []}]}
    figure = curves.draw_own({**own, **named})["sequences"]
    assert [axes.get_title() for axes in figure.axes] == [f"run {i} (1 seed)" for i in range(4)]
    assert {axes.get_subplotspec().get_gridspec().ncols for axes in figure.axes} == {3}
    legend = [text.get_text() for text in figure.axes[3].get_legend().get_texts()]
    assert legend == ["presentation 1", "presentation 2"]
    assert curves.draw_own(named) == {}
