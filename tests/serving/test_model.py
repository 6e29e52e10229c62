"""A model that answers from Python: in memory and exported, alike."""

import io
import json
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions
from oneshot_tf.serving import model, signatures

SIZE = 8


@pytest.fixture(scope="module")
def matching(make_learner):
    return make_learner("matching")


@pytest.fixture(scope="module")
def in_memory(matching):
    return model.of_learner(matching, DataOptions(dataset="folder", image_size=SIZE))


@pytest.fixture(scope="module")
def exported(matching, tmp_path_factory):
    path = tmp_path_factory.mktemp("export")
    names = signatures.save(matching, path)
    fields = {"signatures": names, "image_size": SIZE, "channels": 1, "ink": "auto", "way": None}
    (path / "export.json").write_text(str(fields).replace("'", '"').replace("None", "null"))
    return model.of_export(path)


@pytest.fixture
def pictures(random):
    return random.random((5, SIZE, SIZE, 1)).astype(np.float32)


def test_both_answer_alike(in_memory, exported, pictures):
    labels, queries = ["b", "a", "b"], pictures[3:]
    here = in_memory.classify(pictures[:3], labels, queries)
    there = exported.classify(pictures[:3], labels, queries)
    assert here.classes == there.classes == ["b", "a"] and here.labels == there.labels
    np.testing.assert_allclose(here.probabilities, there.probabilities, atol=1e-6)
    np.testing.assert_allclose(here.probabilities.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(in_memory.embed(pictures), exported.embed(pictures), atol=1e-6)
    assert in_memory.signatures == exported.signatures


def test_a_picture_of_the_support_is_of_its_class(in_memory, pictures):
    names = ["x", 7, None, ("a", 1), "y"]  # whatever can be told apart
    assert in_memory.classify(pictures, names, pictures).labels == names


def test_pictures_in_parts_are_as_those_at_once(in_memory, pictures, monkeypatch):
    labels = [0, 1, 0, 1, 2]
    together = in_memory.classify(pictures, labels, pictures)
    monkeypatch.setattr(model, "AT_ONCE", 2)
    parts = in_memory.classify(pictures, labels, pictures)
    np.testing.assert_allclose(parts.probabilities, together.probabilities, atol=1e-6)


def test_a_photograph_is_read_alike_as_a_file_and_as_an_image(in_memory, tmp_path, random):
    image = Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6  # turned, as a telephone held upright says it
    image.save(tmp_path / "turned.png", exif=exif)
    image.convert("CMYK").save(tmp_path / "print.jpg")
    for name in ("turned.png", "print.jpg"):
        both = [tmp_path / name, Image.open(tmp_path / name)]
        found = in_memory.prepare(both)
        np.testing.assert_array_equal(found[0], found[1])
    upright = in_memory.prepare([image.transpose(Image.Transpose.ROTATE_270)])
    np.testing.assert_array_equal(in_memory.prepare([tmp_path / "turned.png"]), upright)


@pytest.mark.parametrize("one", ["a.png", b"\x89PNG", Image.new("L", (3, 3))])
def test_a_single_picture_is_no_list(in_memory, one):
    with pytest.raises(UserError, match=r"must be a list of them. Received: one .*; write \[it\]"):
        in_memory.prepare(one)


def test_queries_that_normalise_each_other_are_asked_together(make_learner, pictures, monkeypatch):
    learner = make_learner("matching", bn="batch")
    transductive = model.of_learner(learner, DataOptions(dataset="folder", image_size=SIZE))
    together = transductive.classify(pictures[:2], [0, 1], pictures)
    alone = transductive.classify(pictures[:2], [0, 1], pictures[4:])
    assert np.abs(alone.probabilities - together.probabilities[4:]).max() > 1e-3
    monkeypatch.setattr(model, "AT_ONCE", 4)
    again = transductive.classify(pictures[:2], [0, 1], pictures)
    np.testing.assert_array_equal(again.probabilities, together.probabilities)


@pytest.mark.parametrize("bn, asked", [("batch", [5]), ("support", [2, 2, 1]), (None, [2, 2, 1])])
def test_an_export_says_whether_its_queries_normalise_each_other(
    pictures, tmp_path, monkeypatch, bn, asked
):
    """One of before that was said has running statistics."""
    fields = {"image_size": SIZE, "channels": 1, "ink": "auto", "way": None}
    fields |= {} if bn is None else {"bn": bn}
    (tmp_path / "export.json").write_text(json.dumps(fields))
    (tmp_path / "saved_model.pb").write_bytes(b"")
    found = []

    def classify(support_images, support_labels, query_images):
        found.append(query_images.shape[1])
        return {"probabilities": tf.fill([1, query_images.shape[1], 2], 0.5)}

    classify.input_signature = []
    loaded = types.SimpleNamespace(signatures={"classify": classify})
    monkeypatch.setattr(tf.saved_model, "load", lambda path: loaded)
    monkeypatch.setattr(model, "AT_ONCE", 2)
    answers = model.of_export(tmp_path).classify(pictures[:2], "ab", pictures)
    assert found == asked and answers.probabilities.shape == (5, 2)


def test_files_bytes_images_and_arrays_are_prepared_alike(in_memory, tmp_path, random):
    pixels = np.full((30, 20), 255, np.uint8)
    pixels[5:25, 8:12] = random.integers(0, 80, (20, 4))
    image = Image.fromarray(pixels)
    image.save(tmp_path / "one.png")
    file = io.BytesIO()
    image.save(file, "PNG")
    kinds = [tmp_path / "one.png", str(tmp_path / "one.png"), file.getvalue(), image, pixels]
    found = in_memory.prepare(kinds)
    assert (
        found.shape == (5, SIZE, SIZE, 1) and found.max() > 0.3 and found[:, 0, 0].max() == 0
    )  # ink is bright
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
    np.testing.assert_array_equal(in_memory.prepare(np.stack([pixels])), found[:1])


def test_arrays_at_the_models_size_stay_as_they_are(in_memory, pictures):
    np.testing.assert_array_equal(in_memory.prepare(pictures), pictures)
    np.testing.assert_array_equal(in_memory.prepare(pictures[..., 0]), pictures)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 9, 9, 1), np.float32), r"must have the shape \('N', 8, 8, 1\)"),
        (np.zeros((0, 8, 8, 1), np.float32), "must have the shape"),
        ([], "Pictures are missing"),
        (["none.png"], "none.png cannot be read"),
        ([b"damaged"], "picture 0 is not a readable picture"),
        ([np.zeros((8, 8), np.int64)], "picture 0 must be a path, bytes"),
        ([np.zeros((8,), np.uint8)], "picture 0 must be a path, bytes"),
    ],
)
def test_pictures_that_do_not_fit(in_memory, images, message):
    with pytest.raises(UserError, match=message):
        in_memory.prepare(images)


def test_requests_that_do_not_fit(in_memory, make_learner, pictures):
    with pytest.raises(UserError, match="one for each picture of the support. Received: 1"):
        in_memory.classify(pictures, ["a"], pictures)
    with pytest.raises(UserError, match=r"in \[0, 1\], ink 1"):
        in_memory.classify(pictures + 1.0, "abcde", pictures)
    with pytest.raises(UserError, match="has no signature sequence"):
        in_memory.ask("sequence", images=pictures[None])
    flmn = model.of_learner(make_learner("flmn"), DataOptions(dataset="folder", image_size=SIZE))
    with pytest.raises(UserError, match="at most 3 classes, as many as flmn was trained with"):
        flmn.classify(pictures, "abcde", pictures)


def test_integers_are_taken_where_labels_are(in_memory, pictures):
    found = in_memory.ask(
        "classify",
        support_images=pictures[None, :3],
        support_labels=[[0, 1, 2]],
        query_images=pictures[None, 3:],
    )
    assert found["probabilities"].shape == (1, 2, 3) and found["labels"].dtype == np.int64


def test_the_reason_of_an_error_inside_a_graph_is_not_where_it_happened():
    words = "Graph execution error:\n\nDetected at node a/b defined at (most recent call last):\n"
    words += "<stack traces unavailable>\nInvalid PNG data, size 2114\n\t [[{{node a/b}}]] [Op:__f]"
    assert model.reason(ValueError(words)) == "Invalid PNG data, size 2114"
    assert model.reason(ValueError("Graph execution error:")) == "Graph execution error:"
