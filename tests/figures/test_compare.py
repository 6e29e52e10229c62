import numpy as np
import pytest

from oneshot_tf.figures import compare, drawing

WAY, SHOT, QUERIES = 3, 2, 6


@pytest.fixture
def make_panel():
    """A panel of three classes: told apart, or all mixed up."""

    def make(noise, seed=0):
        random = np.random.default_rng(seed)
        centres = np.eye(WAY, 5)
        labels = {
            "support_labels": random.permutation(np.repeat(np.arange(WAY), SHOT)),
            "query_labels": np.repeat(np.arange(WAY), QUERIES),
        }
        support, query = (
            centres[own] + noise * random.normal(size=(len(own), 5)) for own in labels.values()
        )
        return compare.look("planted", support, query, labels, 0.5)

    return make


def test_a_panel_holds_directions(make_panel):
    panel = make_panel(0.3)
    for side in ("support", "query"):
        np.testing.assert_allclose(np.linalg.norm(panel[side], axis=1), 1.0)
    zeros = compare.look("z", np.zeros((1, 2)), np.zeros((1, 2)), make_labels(), 0)
    assert (zeros["query"] == 0.0).all()


def make_labels():
    return {"support_labels": [0], "query_labels": [0]}


def test_classes_told_apart_are_apart_on_the_map(make_panel):
    panel = make_panel(0.01)
    points, labels = compare.project(panel["query"]), panel["query_labels"]
    centres = np.stack([points[labels == c].mean(axis=0) for c in range(WAY)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, labels)
    np.testing.assert_array_equal(points, compare.project(panel["query"]))  # no chance


def test_titles_say_how_far_apart_the_classes_are(make_panel):
    figure = compare.draw_map([make_panel(0.01), make_panel(9.0)])
    apart = [float(a.get_title().rpartition(" ")[2]) for a in figure.axes]
    assert apart[0] > 0.9 > 0.3 > apart[1]
    assert "50.0 % right" in figure.axes[0].get_title()


def test_single_queries_have_no_silhouette():
    """And a single class has none, whatever its queries."""
    random = np.random.default_rng(0)
    for classes in ([0, 1, 2, 3, 4], [0, 1], [0, 0, 0]):
        labels = {"support_labels": classes, "query_labels": classes}
        sides = random.normal(size=(2, len(classes), 5))
        figure = compare.draw_map([compare.look("few", *sides, labels, 1.0)])
        assert figure.axes[0].get_title() == "few: 100.0 % right"


def test_the_matrix_is_sorted_by_class(make_panel):
    panel = make_panel(0.01)
    figure = compare.draw_matrices([panel], queries=2)
    shown = figure.axes[0].images[0].get_array()
    assert shown.shape == (WAY * SHOT, WAY * 2)
    same = np.repeat(np.arange(WAY), SHOT)[:, None] == np.repeat(np.arange(WAY), 2)
    np.testing.assert_allclose(shown, same, atol=0.1)
    assert "1.00 within a class, -0.00 between" in figure.axes[0].get_title().replace(
        " 0.00", " -0.00"
    )


def test_panels_share_one_scale_of_colours(make_panel):
    figure = compare.draw_matrices([make_panel(0.01), make_panel(9.0)], queries=2)
    limits = {axes.images[0].get_clim() for axes in figure.axes[:2]}
    assert len(limits) == 1
    assert np.asarray(drawing.render(figure)).std() > 10
