"""The projector's files, read by TensorBoard's own plugin."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.projector import projector_plugin
from werkzeug import test as werkzeug_test
from werkzeug import wrappers

from oneshot_tf.errors import UserError
from oneshot_tf.training import projector


@pytest.fixture
def points(random):
    """11 points of 3 classes: (embeddings, labels, pictures of one gray level each)."""
    images = np.stack([np.full([5, 4, 1], 20 * i, np.uint8) for i in range(11)])
    labels = ["a/one"] * 4 + ["a/two\twords"] * 4 + ["\u03b1"] * 3
    return random.normal(size=(11, 6)).astype(np.float32), labels, images


class Reader:
    """TensorBoard's projector plugin on a log folder, asked as the browser asks it."""

    def __init__(self, logdir):
        runs = plugin_event_multiplexer.EventMultiplexer()
        runs.AddRunsFromDirectory(str(logdir))
        runs.Reload()
        provider = data_provider.MultiplexerDataProvider(runs, str(logdir))
        context = base_plugin.TBContext(
            logdir=str(logdir), multiplexer=runs, data_provider=provider
        )
        self.apps = projector_plugin.ProjectorPlugin(context).get_plugin_apps()

    def ask(self, route, **query):
        client = werkzeug_test.Client(self.apps[route], wrappers.Response)
        answer = client.get(route, query_string=query)
        assert answer.status_code == 200, answer.data
        return answer.data


# a run's folder, the folder of several runs, and the folder of the logs alone
@pytest.mark.parametrize("up", [0, 1, 2])
def test_tensorboard_reads_what_was_written(points, tmp_path, up):
    embeddings, labels, images = points
    workdir = tmp_path / "run"
    projector.write(workdir, embeddings, labels, images)
    logdir = [workdir / "tensorboard", workdir, tmp_path][up]
    reader = Reader(logdir)
    (run,) = json.loads(reader.ask("/runs"))
    assert run == ["projector", "tensorboard/projector", "run/tensorboard/projector"][up]
    (info,) = json.loads(reader.ask("/info", run=run))["embeddings"]
    assert info["tensorShape"] == [11, 6] and info["sprite"]["singleImageDim"] == [4, 5]
    name = info["tensorName"]
    tensor = np.frombuffer(reader.ask("/tensor", run=run, name=name), np.float32).reshape(11, 6)
    np.testing.assert_allclose(tensor, embeddings, rtol=1e-4)
    metadata = reader.ask("/metadata", run=run, name=name).decode().splitlines()
    assert metadata == ["a/one"] * 4 + ["a/two words"] * 4 + ["\u03b1"] * 3
    sprite = Image.open(io.BytesIO(reader.ask("/sprite_image", run=run, name=name)))
    assert sprite.size == (16, 20)


def test_each_picture_is_at_its_place_on_the_sheet(points):
    images = points[2]
    sheet, side = projector.sprite(images)
    assert side == (5, 4) and sheet.shape == (20, 16, 3)
    for i in range(11):  # rows of four; ink is black for a person
        row, column = divmod(i, 4)
        cell = sheet[5 * row : 5 * row + 5, 4 * column : 4 * column + 4]
        assert (cell == 255 - 20 * i).all()
    assert (sheet[10:, 12:] == 255).all()


def test_float_and_byte_pictures_make_the_same_sheet(random):
    images = random.integers(0, 256, (3, 8, 8, 3), np.uint8)
    sheet = projector.sprite(images)[0]
    np.testing.assert_array_equal(sheet, projector.sprite(images / 255.0)[0])
    np.testing.assert_array_equal(sheet[:8, :8], images[0])  # colours stay


def test_large_pictures_are_made_smaller():
    sheet, side = projector.sprite(np.zeros([500, 84, 168, 3], np.uint8))
    assert side == (32, 64) and max(sheet.shape) == 23 * 64 < 8192


def test_some_pictures_of_classes_from_all_over(make_dataset):
    dataset = make_dataset([3, 9, 4, 5, 9, 9])
    images, labels = projector.choose(dataset, classes=3, pictures=4)
    assert labels == ["class0"] * 3 + ["class2"] * 4 + ["class4"] * 4
    np.testing.assert_array_equal(images[3:7], dataset.images[12:16])
    assert len(projector.choose(dataset)[1]) == 39


def test_written_again_it_is_replaced(points, tmp_path):
    embeddings, labels, images = points
    projector.write(tmp_path, embeddings, labels, images)
    projector.write(tmp_path, embeddings[:2] + 1.0, labels[:2], images[:2])
    folder = tmp_path / "tensorboard" / "projector"
    assert len((folder / "tensors.tsv").read_text().splitlines()) == 2
    assert len(list(folder.glob("events.*"))) == 1
    assert not list(folder.glob("*.part"))


def test_what_does_not_fit_together_is_refused(points, tmp_path):
    embeddings, labels, images = points
    with pytest.raises(ValueError, match="11 labels, 10 images"):
        projector.write(tmp_path, embeddings, labels, images[:10])
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        projector.write(tmp_path / "file", embeddings, labels, images)


def test_a_learner_with_an_encoder_is_written_and_one_without_is_not(
    make_learner, distinct_dataset, tmp_path
):
    images, labels = projector.choose(distinct_dataset)
    projector.update(tmp_path / "flat", make_learner("lstm"), images, labels)
    assert not (tmp_path / "flat").exists()
    learner = make_learner("lstm", encoder="conv")
    projector.update(tmp_path / "conv", learner, images, labels)
    found = np.loadtxt(tmp_path / "conv" / "tensorboard" / "projector" / "tensors.tsv")
    wanted = learner.embed(tf.constant(images / 255.0, tf.float32))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
