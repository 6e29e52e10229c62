"""Files decoded in the graph, beside Pillow."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from oneshot_tf.data import pictures
from oneshot_tf.run_config import DataOptions
from oneshot_tf.serving import decoding, signatures
from tests.conftest import IMAGE_SIZE
from tests.serving.exports import drawing


@pytest.mark.parametrize("ink", ["auto", "dark", "light"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["gray", "colour", "inverted", "alpha", "palette", "tiny", "jpeg"])
def test_files_are_prepared_as_pillow_does(random, encode, kind, channels, ink):
    made = drawing(random, 61, 40, 1 if kind in ("gray", "inverted", "tiny") else 3)
    if kind == "inverted":
        made = 255 - made
    if kind == "tiny":
        made = made[:1, :3]
    image = Image.fromarray(made)
    if kind == "alpha":
        image.putalpha(Image.fromarray(random.integers(0, 256, (61, 40), np.uint8)))
    if kind == "palette":
        image = image.quantize(8)
    content = encode(image, "JPEG" if kind == "jpeg" else "PNG")
    options = DataOptions(dataset="folder", image_size=20, channels=channels, ink=ink)
    expected = pictures.prepare(content, "it", options).astype(np.float32) / 255
    found = decoding.decode_all(tf.constant([content]), (20, 20, channels), ink).numpy()[0]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=(6 if kind == "jpeg" else 2.01) / 255)


@pytest.mark.parametrize("paper, expected", [(100, 100), (127, 127), (128, 127), (160, 95)])
def test_ink_is_dark_where_paper_is_brighter_than_the_middle(encode, paper, expected):
    """Which tells the two sides apart, in the graph as in Python."""
    content = encode(Image.fromarray(np.full((9, 9), paper, np.uint8)))
    options = DataOptions(dataset="folder", image_size=4, channels=1)
    assert np.unique(pictures.prepare(content, "it", options)) == [expected]
    found = decoding.decode_all(tf.constant([content]), (4, 4, 1), "auto").numpy()
    np.testing.assert_allclose(found, expected / 255, atol=1e-6)


def test_a_long_picture_is_reduced_as_pillow_does(random, encode):
    content = encode(drawing(random, 40, 4500, 1))
    options = DataOptions(dataset="folder", image_size=28, channels=1)
    expected = pictures.prepare(content, "it", options).astype(np.float32) / 255
    found = decoding.decode_all(tf.constant([content]), (28, 28, 1), "auto").numpy()[0]
    np.testing.assert_allclose(found, expected, atol=4 / 255)


def test_an_export_reads_files_by_the_ink_of_its_training(make_learner, random, encode, tmp_path):
    """Where that is light, dark strokes on bright paper stay as they are."""
    signatures.save(make_learner("pixels"), tmp_path, ink="light")
    loaded = tf.saved_model.load(str(tmp_path))
    files = tf.constant([encode(drawing(random, 30, 20 + 3 * k, 1)) for k in range(5)])
    labels = tf.constant([0, 1, 2], tf.int64)
    found = loaded.signatures["classify_encoded"](
        support_bytes=files[:3], support_labels=labels, query_bytes=files[3:]
    )
    apart = []
    for ink in ("light", "auto"):
        images = decoding.decode_all(files, (IMAGE_SIZE, IMAGE_SIZE, 1), ink)[None]
        expected = loaded.signatures["classify"](
            support_images=images[:, :3], support_labels=labels[None], query_images=images[:, 3:]
        )
        apart.append(np.abs(found["probabilities"] - expected["probabilities"][0]).max())
    assert apart[0] < 1e-5 and apart[1] > 1e-3
