"""What is drawn of an episode: right sizes, the right marks, weights where they belong."""

import matplotlib
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from oneshot_tf.errors import UserError
from oneshot_tf.figures import drawing, episode, memory
from oneshot_tf.sampling import sequence

MODELS = ["flmn", "mann", "ntm", "lstm"]


def rgb(colour):
    return np.round(255 * np.array(matplotlib.colors.to_rgb(colour)))


def count(picture, colour):
    """How many pixels are of a colour, give or take rounding."""
    return int((np.abs(picture.astype(float) - rgb(colour)).max(axis=-1) <= 2).sum())


@pytest.fixture
def arrays(random):
    """An episode of 6 steps, 2 classes; each step writes a row of its own, reads follow the class."""
    labels = np.array([1, 0, 1, 0, 1, 0])
    write = np.zeros([6, 1, 8], np.float32)
    write[np.arange(6), 0, [5, 2, 7, 0, 3, 6]] = 0.9
    read = np.full([6, 1, 8], 0.01, np.float32)
    for t in range(2, 6):
        read[t, 0] = np.where(write[t - 2, 0] > 0, 0.93, 0.01)
    return {
        "pictures": random.random((6, 8, 8, 1)).astype(np.float32),
        "labels": labels,
        "predictions": np.array([0, 0, 1, 0, 1, 0]),
        "confidence": np.linspace(0.5, 1.0, 6),
        "presentations": np.array([1, 1, 2, 2, 3, 3]),
        "write": write,
        "read": read,
        "usage": np.cumsum(write, axis=0),
    }


@pytest.mark.parametrize("name", MODELS)
def test_arrays_and_pictures_of_every_sequence_model(
    name, make_learner, make_source, distinct_dataset
):
    learner = make_learner(name)
    sample = sequence.sampler(
        make_source(distinct_dataset), seed=0, stream="validation", batch=2, way=3, per_class=4
    )
    episode = sample(tf.constant(0, tf.int64))
    arrays = learner.figures(episode)
    np.testing.assert_array_equal(arrays["labels"], episode.labels[0])
    np.testing.assert_array_equal(arrays["pictures"], episode.inputs[0])
    np.testing.assert_array_equal(arrays["presentations"], episode.presentations[0])
    logits = learner(episode)[0]
    np.testing.assert_allclose(arrays["probabilities"], tf.nn.softmax(logits), atol=1e-5)
    np.testing.assert_array_equal(arrays["predictions"], np.argmax(logits, axis=-1))
    np.testing.assert_allclose(arrays["confidence"], arrays["probabilities"].max(-1), atol=1e-6)
    expected = {"flmn": (1, 1, 1), "mann": (2, 2, 1), "ntm": (2, 1, None), "lstm": (None,) * 3}
    for weights, heads in zip(("read", "write", "usage"), expected[name], strict=True):
        if heads is None:
            assert weights not in arrays
        else:
            assert arrays[weights].shape == (12, heads, 8)
    drawn = drawing.draw(learner, episode)
    assert set(drawn) == ({"episode"} if name == "lstm" else {"episode", "memory"})
    for picture in drawn.values():
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
        assert min(picture.shape[:2]) > 300 and picture.std() > 10


def test_string_labels_are_drawn_as_well(make_learner, make_source, distinct_dataset):
    learner = make_learner("lstm", label_encoding="string")
    sample = sequence.sampler(
        make_source(distinct_dataset), seed=0, stream="train", batch=1, way=3, per_class=4,
        num_labels=learner.num_labels,
    )  # fmt: skip
    arrays = learner.figures(sample(tf.constant(0, tf.int64)))
    assert "probabilities" not in arrays and (arrays["confidence"] > 0).all()
    assert drawing.render(episode.make(arrays)).std() > 10


def test_right_and_wrong_answers_have_different_marks(arrays):
    one_wrong = drawing.render(episode.make(arrays))
    all_right = drawing.render(episode.make({**arrays, "predictions": arrays["labels"]}))
    assert one_wrong.shape == all_right.shape
    assert count(all_right, drawing.WRONG) == 0
    assert count(one_wrong, drawing.WRONG) > 500
    # five borders beside six
    assert count(one_wrong, drawing.RIGHT) < count(all_right, drawing.RIGHT)


def test_the_border_of_the_first_picture_is_at_the_left_and_wrong(arrays):
    picture = drawing.render(episode.make(arrays))
    wrong = np.abs(picture.astype(float) - rgb(drawing.WRONG)).max(axis=-1) <= 2
    assert np.nonzero(wrong.any(axis=0))[0].max() < picture.shape[1] / 6 + 40


def test_padding_is_left_out(arrays):
    padded = {name: np.concatenate([a, a[:1]]) for name, a in arrays.items()}
    padded["labels"][-1] = -1
    kept = drawing.present(padded)
    for name, array in arrays.items():
        np.testing.assert_array_equal(kept[name], array)


def test_rows_come_in_the_order_of_their_first_write(arrays):
    first = memory.first_writes(arrays["write"][:, 0])
    np.testing.assert_array_equal(first, [3, 6, 1, 4, 6, 0, 5, 2])  # 6: never


def test_flat_writes_are_no_writes():
    np.testing.assert_array_equal(memory.first_writes(np.full([5, 4], 0.25)), [5] * 4)


def test_owners_and_reads_by_class(arrays):
    write = arrays["write"][:, 0]
    owner = memory.owners(write, arrays["labels"], [0, 1])
    assert owner[0].sum() == 0.0
    np.testing.assert_allclose(owner[1, 5], [0.0, 0.9], atol=1e-6)
    assert owner[2, 2, 0] == pytest.approx(0.9)
    times = memory.reads_by_class(arrays["read"], write, arrays["labels"], [0, 1])
    assert np.isnan(times[0]).all() and np.isnan(times[1, 0, 0])
    for t in range(2, 6):  # the row read was written under the same class
        true = arrays["labels"][t]
        assert times[t, 0, true] > 1.5
        assert times[t, 0, 1 - true] < 0.5


def test_the_head_that_tells_classes_apart_is_chosen(arrays):
    flat = np.full_like(arrays["read"], 0.125)
    read = np.concatenate([flat, arrays["read"], flat], axis=1)
    write = arrays["write"][:, 0]
    head, late, times = memory.telling(read, write, arrays["labels"], [0, 1])
    assert (head, late) == (1, False)
    found = memory.reads_by_class(read, write, arrays["labels"], [0, 1])
    np.testing.assert_array_equal(times, found[:, 1])


def test_rows_that_are_written_as_the_label_arrives_are_of_the_class_before(arrays, random):
    """Twelve steps of three classes; each step writes a row of its own, for the class of the step before."""
    labels = random.permutation(np.repeat([0, 1, 2], 4))
    write = np.eye(12, 16, dtype=np.float32)
    read = np.full([12, 2, 16], 0.01, np.float32)
    for t in range(12):
        rows = [u + 1 for u in range(t - 1) if labels[u] == labels[t]]
        read[t, 1, rows] = 0.9  # the first head tells nothing
    head, late, times = memory.telling(read, write, labels, [0, 1, 2])
    assert (head, late) == (1, True)
    written = memory.written_for(labels, late)
    np.testing.assert_array_equal(written, [-1, *labels[:-1]])
    np.testing.assert_array_equal(
        times, memory.reads_by_class(read, write, written, [0, 1, 2])[:, 1]
    )
    many = {name: np.resize(a, (12, *a.shape[1:])) for name, a in arrays.items()}
    many |= {"labels": labels, "read": read, "write": write[:, None], "usage": write[:, None]}
    figure = memory.make(many, {0: "red", 1: "blue", 2: "black"}, "green", "orange")
    assert any("a step after each class" in a.get_title() for a in figure.axes)


def test_time_goes_right_and_rows_go_down(arrays):
    """Planted weights are found at their step and row, in the data and in the pixels."""
    figure = memory.make(arrays, {0: "red", 1: "blue"}, "green", "orange")
    panel = next(a for a in figure.axes if a.get_title() == "write weights")
    shown = np.asarray(panel.images[0].get_array())
    np.testing.assert_allclose(np.diag(shown)[:6], 0.9, atol=1e-6)
    assert shown.shape == (8, 6) and shown.sum() == pytest.approx(6 * 0.9, rel=1e-5)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(float)
    bright, dark = (255 * np.array(matplotlib.colormaps["viridis"](v)[:3]) for v in (1.0, 0.0))
    for step, row, colour in [(0, 0, bright), (5, 5, bright), (5, 0, dark), (0, 7, dark)]:
        x, y = panel.transData.transform((step, row))
        found = pixels[pixels.shape[0] - 1 - int(y), int(x)]
        np.testing.assert_allclose(found, colour, atol=3)
    top, bottom = (panel.transData.transform((0, row))[1] for row in (0, 7))
    left, right = (panel.transData.transform((step, 0))[0] for step in (0, 5))
    assert top > bottom and right > left


def test_rows_of_reading_are_grouped_by_class(arrays):
    figure = memory.make(arrays, {0: "red", 1: "blue"}, "green", "orange")
    panel = next(a for a in figure.axes if a.get_title() == "read weights")
    shown = np.asarray(panel.images[0].get_array())
    # rows written under class 0 at steps 1, 3, 5; then those of class 1 at steps 0, 2, 4
    assert [int(shown[:, t].argmax()) for t in range(2, 6)] == [3, 0, 4, 1]


@pytest.mark.parametrize(
    "number, word", [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd")]
)
def test_ordinal(number, word):
    assert episode.ordinal(number) == word


def test_pictures_are_written_as_they_are(random, tmp_path):
    picture = random.integers(0, 256, (5, 7, 3), np.uint8)
    paths = drawing.write({"episode": picture, "memory": picture[:2]}, tmp_path / "new")
    assert [path.name for path in paths] == ["episode.png", "memory.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(paths[0])), picture)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        drawing.write({"episode": picture}, tmp_path / "file")
