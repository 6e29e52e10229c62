"""A new model is one file and one line in a table; so is a new data set. All commands know them then."""

import json
import sys

import pytest
from PIL import Image

from oneshot_tf import data, models
from oneshot_tf.commands import eval as eval_command
from oneshot_tf.commands import export, predict
from oneshot_tf.commands import train as train_command
from tests.commands.test_train import run

MODEL = '''
"""Mean pixels: the class whose mean picture, seen through a mask that is learned, is nearest."""
import dataclasses
import tensorflow as tf
from oneshot_tf.models.base import Learner, Outcome
from oneshot_tf.ops import losses, matching
from oneshot_tf.options import Options, option

@dataclasses.dataclass(frozen=True)
class MeanPixelsOptions(Options):
    sharpness: float = option(5.0, "factor of the distances", low=0.0)

class MeanPixels(Learner):
    Options = MeanPixelsOptions
    defaults = {"image_size": 12, "way": 3, "shot": 2, "batch_size": 2}

    def __init__(self, options, **kwargs):
        super().__init__(options, **kwargs)
        self.mask = self.add_weight("mask", self.image_shape, initializer="ones")

    def embed(self, images):
        return tf.reshape(self.mask * images, [tf.shape(images)[0], 12 * 12])

    def call(self, episode, training=False):
        sides = []
        for images in (episode.support, episode.query):
            flat = self.embed(tf.reshape(images, [-1, *self.image_shape]))
            sides.append(tf.reshape(flat, [tf.shape(images)[0], -1, 12 * 12]))
        way = matching.way_of(episode.support_labels)
        means, names = matching.prototypes(sides[0], episode.support_labels, way)
        scores = self.options.sharpness * matching.similarity(sides[1], means, "sqeuclidean")
        return matching.class_log_probabilities(scores, names, way)

    def train_loss(self, episode, state=()):
        logits = self(episode, training=True)
        loss = losses.cross_entropy(logits, episode.query_labels)
        answers = self.predict_labels(logits)
        return Outcome(loss, *losses.right_and_shown(answers, episode.query_labels))

    def flops_per_episode(self, steps):
        return 3.0 * steps * 12 * 12
'''
DATA = '''
"""Bars: a class is the column that its bar stands in."""
import dataclasses
import numpy as np
from oneshot_tf.data.dataset import from_classes
from oneshot_tf.data.sources import DataSource
from oneshot_tf.options import option
from oneshot_tf.run_config import DataOptions

@dataclasses.dataclass(frozen=True)
class BarsOptions(DataOptions):
    columns: int = option(10, "how many classes", low=8)

def load(data_dir, options):
    size, found = options.image_size, {}
    for column in range(options.columns):
        images = np.zeros((6, size, size, 1), np.uint8)
        for k in range(6):
            images[k, k:, column] = 255
        found[f"column{column}"] = images
    return from_classes("bars", found)

SOURCE = DataSource(load, "nobody's", BarsOptions, defaults={"rotations": False})
'''


@pytest.fixture
def added(tmp_path, monkeypatch):
    """Both of them: a file and a line each."""
    (tmp_path / "mean_pixels.py").write_text(MODEL)
    (tmp_path / "bars.py").write_text(DATA)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(models.MODELS, "mean_pixels", "mean_pixels:MeanPixels")
    monkeypatch.setitem(data.DATASETS, "bars", "bars:SOURCE")
    yield
    for name in ("mean_pixels", "bars"):
        sys.modules.pop(name, None)


def test_they_train_are_tested_exported_and_answer(added, tmp_path):
    workdir = tmp_path / "run"
    words = ["--model=mean_pixels", "--dataset=bars", f"--workdir={workdir}"]
    words += ["--columns=12", "--sharpness=8", "--queries=1", "--validation_episodes=4"]
    for episodes in (4, 8):  # the second time, it goes on
        code, _, errors = run(train_command.main, *words, f"--episodes={episodes}")
        assert code == 0, errors
    config = json.loads((workdir / "config.json").read_text())
    assert config["options"] == {"sharpness": 8.0} and config["data"]["columns"] == 12
    words = [f"--workdir={workdir}", "--way=2", "--shot=1", "--eval_queries=2"]
    code, output, errors = run(eval_command.main, *words, "--eval_episodes=20")
    assert code == 0 and "2w1s" in output, errors
    code, output, errors = run(export.main, f"--workdir={workdir}")
    assert code == 0, errors
    card = (workdir / "export" / "1" / "model_card.md").read_text()
    assert "Licence of the data: nobody's" in card
    for column in (2, 9):
        folder = tmp_path / "support" / str(column)
        folder.mkdir(parents=True)
        draw(column).save(folder / "0.png")
    draw(9).save(tmp_path / "new.png")
    words = [f"--export={workdir}", f"--support={tmp_path / 'support'}", "--json"]
    code, output, errors = run(predict.main, *words, f"--query={tmp_path / 'new.png'}")
    assert code == 0, errors
    assert json.loads(output)[0]["class"] == "9"


def draw(column):
    """A bar as a picture file has it: dark ink on bright paper."""
    image = Image.new("L", (12, 12), 255)
    image.paste(0, (column, 2, column + 1, 12))
    return image
