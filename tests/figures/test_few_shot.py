"""The sheet of support and queries, and the matrix: marks, order and blocks, down to the pixels."""

import matplotlib
import numpy as np
import pytest
from matplotlib.patches import Rectangle

from oneshot_tf.figures import drawing, few_shot
from oneshot_tf.figures.palette import FADED, RIGHT, WRONG

SHOWN = few_shot.SHOWN


def make(way=5, shot=1, queries=4, wrong=(), channels=1, seed=0):
    """An episode whose answers are right but for the queries in `wrong`, which get the next class."""
    random = np.random.default_rng(seed)
    support_labels = random.permutation(np.repeat(np.arange(way), shot))
    query_labels = np.repeat(np.arange(way), queries)
    predictions = query_labels.copy()
    predictions[list(wrong)] = (predictions[list(wrong)] + 1) % way
    # all colours are between those of the marks
    pictures = random.uniform(0.4, 0.6, (len(support_labels) + len(query_labels), 8, 8, channels))
    attention = np.where(predictions[:, None] == support_labels, 0.9, 0.1 / way)
    return {
        "support": pictures[: len(support_labels)],
        "support_labels": support_labels,
        "query": pictures[len(support_labels) :],
        "query_labels": query_labels,
        "predictions": predictions,
        "confidence": random.permutation(np.linspace(0.4, 0.99, len(query_labels))),
        "attention": attention / attention.sum(axis=1, keepdims=True),
        "similarity": attention - 0.5,
    }


def permuted(arrays, order):
    names = [name for name in arrays if not name.startswith("support")]
    return {**arrays, **{name: arrays[name][order] for name in names}}


def frames(figure, colour, size=1.0):
    """The lower left corners of the frames of a colour and size."""
    wanted = matplotlib.colors.to_rgba(colour)
    return [
        patch.get_xy()
        for patch in figure.axes[0].patches
        if isinstance(patch, Rectangle)
        and patch.get_edgecolor() == wanted
        and np.isclose(patch.get_width(), size)
    ]


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def count(picture, colour):
    rgb = np.round(255 * np.array(matplotlib.colors.to_rgb(colour)))
    return int((np.abs(picture.astype(float) - rgb).max(axis=-1) <= 2).sum())


@pytest.mark.parametrize(
    ("way", "shot", "queries", "wrong", "channels"),
    [(5, 1, 4, (3, 7), 1), (2, 3, 1, (), 3), (20, 5, 5, tuple(range(40)), 1), (5, 1, 15, (0,), 3)],
)
def test_every_shown_query_has_a_frame_that_tells(way, shot, queries, wrong, channels):
    arrays = make(way, shot, queries, wrong, channels)
    figure = few_shot.make(arrays)["episode"]
    bad = min(len(wrong), SHOWN)
    good = min(way * queries, SHOWN) - bad
    assert len(frames(figure, WRONG)) == bad and len(frames(figure, RIGHT)) == good
    # beside each query what it was taken for, and what a wrong one is
    assert len(frames(figure, WRONG, 0.48)) == bad and len(frames(figure, RIGHT, 0.48)) == good
    assert len(frames(figure, FADED, 0.48)) == bad
    ticks = [w for w in words(figure) if w.endswith("%") and w[0] in "\N{CHECK MARK}\N{BALLOT X}"]
    assert [w[0] for w in ticks] == ["\N{BALLOT X}"] * bad + ["\N{CHECK MARK}"] * good
    pictures = len(figure.axes[0].images)
    assert pictures == way * shot + 2 * good + 3 * bad


def test_pixels_of_the_marks_grow_with_the_mistakes():
    drawn = [drawing.render(few_shot.make_sheet(make(wrong=w))) for w in [(), (1,), (1, 5)]]
    pixels = [(count(d, RIGHT), count(d, WRONG)) for d in drawn]
    # the legend's words have no colour of their own: without a mistake nothing is vermilion
    assert pixels[0][1] == 0 and pixels[1][1] > 1000
    assert 1.8 < pixels[2][1] / pixels[1][1] < 2.2
    assert pixels[0][0] > pixels[1][0] > pixels[2][0]


def test_wrong_answers_come_first_and_the_surest_of_them():
    arrays = make(5, 1, 15, wrong=(2, 30, 61))
    order = few_shot.worst_first(arrays)
    assert set(order[:3]) == {2, 30, 61} and len(set(order)) == 75
    sure = arrays["confidence"][order]
    assert (np.diff(sure[:3]) < 0).all() and (np.diff(sure[3:]) > 0).all()


def test_the_order_of_the_queries_does_not_count(random):
    arrays = make(5, 2, 9, wrong=(2, 30, 41))
    order = random.permutation(45)
    moved = permuted(arrays, order)
    np.testing.assert_array_equal(order[few_shot.worst_first(moved)], few_shot.worst_first(arrays))
    sheets = [drawing.render(few_shot.make_sheet(a)) for a in (arrays, moved)]
    np.testing.assert_array_equal(*sheets)


def test_a_mistake_is_shown_beside_the_picture_it_was_taken_for():
    arrays = make(3, 4, 2, wrong=(1,))
    arrays["attention"][1] = 0.0
    chosen, true = (np.flatnonzero(arrays["support_labels"] == c)[2] for c in (1, 0))
    arrays["attention"][1, chosen], arrays["attention"][1, true] = 0.7, 0.3
    assert few_shot.nearest(arrays, 1, 1) == chosen
    assert few_shot.nearest(arrays, 1, 0) == true
    assert few_shot.nearest(arrays, 1, 9) is None
    images = few_shot.make_sheet(arrays).axes[0].images[12:15]  # after the support
    wanted = [arrays["query"][1], arrays["support"][chosen], arrays["support"][true]]
    for image, picture in zip(images, wanted, strict=True):
        np.testing.assert_allclose(image.get_array()[..., :1], 1.0 - picture, atol=1e-6)
    without = {k: v for k, v in arrays.items() if k not in ("attention", "similarity")}
    assert set(few_shot.make(without)) == {"episode"}
    first = np.flatnonzero(arrays["support_labels"] == 1)[0]
    assert few_shot.nearest(without, 1, 1) == first


def test_support_stands_row_by_row_and_classes_downwards():
    arrays = make(3, 2, 2)
    figure = few_shot.make_sheet(arrays)
    places = [image.get_extent() for image in figure.axes[0].images[:6]]
    tops = [round(top, 3) for *_, top in places]
    assert tops[0] == tops[1] < tops[2] == tops[3] < tops[4] == tops[5]
    shown = [image.get_array()[..., 0] for image in figure.axes[0].images[:6]]
    order = np.argsort(arrays["support_labels"], kind="stable")
    np.testing.assert_allclose(shown, 1.0 - arrays["support"][order, ..., 0], atol=1e-6)
    assert words(figure).count("2 / 2") == 3


@pytest.mark.parametrize(
    ("queries", "wrong", "said"),
    [
        (4, (), "all queries, wrong answers first"),
        (15, range(7), "30 of 75 queries: all 7 wrong, then the 23 least sure of 68 right"),
        (15, (3,), "30 of 75 queries: the 1 wrong, then the 29 least sure of 74 right"),
        (15, (), "30 of 75 queries: the 30 least sure of 75 right"),
        (15, range(40), "the 30 surest of 40 wrong answers"),
    ],
)
def test_the_caption_says_what_is_left_out(queries, wrong, said):
    arrays = make(5, 1, queries, wrong)
    what, which = few_shot.caption(arrays, min(5 * queries, SHOWN))
    assert which == said
    right, total = 5 * queries - len(wrong), 5 * queries
    assert f"{right} of {total} queries answered rightly ({100 * right / total:.1f} %)" in what
    assert {what, which} <= set(words(few_shot.make_sheet(arrays)))


@pytest.mark.parametrize(("way", "shot"), [(100, 1), (30, 12), (2, 1)])
def test_all_that_is_drawn_is_on_the_sheet(way, shot):
    arrays = make(way, shot, 1)
    figure = few_shot.make_sheet(arrays)
    width, height = figure.get_size_inches()
    for image in figure.axes[0].images:
        left, right, bottom, top = image.get_extent()
        assert left >= 0 and top >= 1.2 and right <= width and bottom <= height
    assert any("10 of 12" in w for w in words(figure)) == (shot == 12)


def test_padding_is_left_out():
    arrays = make(4, 2, 3, wrong=(1,))
    padded = {
        name: np.concatenate([array, array[:2]])
        for name, array in arrays.items()
        if name not in ("attention", "similarity")
    }
    for name in ("attention", "similarity"):
        padded[name] = np.pad(arrays[name], [(0, 2), (0, 2)], constant_values=np.nan)
    padded["support_labels"][-2:] = padded["query_labels"][-2:] = -1
    for name, array in few_shot.present(padded).items():
        np.testing.assert_array_equal(array, arrays[name])


def test_the_matrix_is_sorted_into_blocks(random):
    arrays = permuted(make(5, 3, 4, wrong=(6,)), random.permutation(20))
    figure = few_shot.make_matrix(arrays)
    panels = {a.get_title().split()[0]: a for a in figure.axes if a.get_title()}
    assert set(panels) == {"similarity", "attention"}
    shown = np.asarray(panels["attention"].images[0].get_array())
    assert shown.shape == (20, 15)
    blocks = shown.reshape(5, 4, 5, 3).mean(axis=(1, 3))
    assert (blocks.argmax(axis=1) == np.arange(5)).all()
    # the mistake is last in its class, and bright in the block of the class after it
    assert shown[7, 6:9].min() > shown[7, 3:6].max()
    title = panels["similarity"].get_title()
    values = arrays["similarity"]
    same = arrays["query_labels"][:, None] == arrays["support_labels"]
    assert f"mean {values[same].mean():.3g} within a class" in title
    assert f"{values[~same].mean():.3g} between classes" in title


def test_boundaries_lie_between_classes_and_marks_beside_their_rows():
    arrays = make(4, 2, 5, wrong=(19,))
    figure = few_shot.make_matrix({k: v for k, v in arrays.items() if k != "attention"})
    axes = figure.axes[0]
    across = [line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1]
    down = [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1]
    assert across == [4.5, 9.5, 14.5] and down == [1.5, 3.5, 5.5]
    assert list(axes.get_yticks()) == [2, 7, 12, 17] and list(axes.get_xticks()) == [
        0.5,
        2.5,
        4.5,
        6.5,
    ]
    picture = drawing.render(figure)
    wrong, right = count(picture, WRONG), count(picture, RIGHT)
    assert 17 < right / wrong < 21  # 19 rows beside one
    x, y = axes.transData.transform((3.5, 2))  # on a line, at the middle of a row
    assert (
        (picture[picture.shape[0] - 1 - int(y), int(x) - 1 : int(x) + 2] > 200).all(axis=-1).any()
    )


def test_a_learner_of_few_shot_episodes_is_drawn_and_written(tmp_path):
    class Learner:
        def figures(self, episode):
            return episode

    drawn = drawing.draw(Learner(), make())
    assert set(drawn) == {"episode", "similarity"}
    for picture in drawn.values():
        assert picture.dtype == np.uint8 and picture.shape[2] == 3 and picture.std() > 10
