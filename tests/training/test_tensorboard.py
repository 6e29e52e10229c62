"""The TensorBoard files that a run leaves."""

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorflow.python.framework.tensor_util import MakeNdarray

from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions
from oneshot_tf.training.logging import Log, write_hparams


@pytest.fixture
def logged(tmp_path, make_learner):
    """A run's TensorBoard folder, written as the loop writes it."""
    options = make_learner("flmn").options
    config = RunConfig("flmn_x", "flmn", DataOptions(), TrainOptions(seed=7), options)
    for _ in range(2):  # as if resumed
        write_hparams(tmp_path, config)
    log = Log(tmp_path, 100, 0)
    for episode in (50, 100):
        log.record("train", episode, {"loss": 1.0, "accuracy": 50.0}, [20.0, float("nan"), 70.0])
        log.record("validation", episode, {"accuracy": 40.0 + episode}, [25.0, 60.0, 80.0])
    picture = np.zeros([4, 6, 3], np.uint8)
    picture[0, 5] = 255
    log.pictures("validation", 100, {"episode": picture})
    log.close()
    return tmp_path / "tensorboard"


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return events


def test_scalars_by_presentation_are_in_tensorboard(logged):
    events = read(logged / "validation")
    found = [(e.step, float(MakeNdarray(e.tensor_proto))) for e in events.Tensors("accuracy")]
    assert found == [(50, 90.0), (100, 140.0)]
    assert float(MakeNdarray(events.Tensors("presentation/03")[0].tensor_proto)) == 80.0
    tags = read(logged / "train").Tags()["tensors"]
    assert "presentation/01" in tags and "loss" in tags
    assert "presentation/02" not in tags  # never shown: no point


def test_pictures_are_in_tensorboard(logged):
    stored = MakeNdarray(read(logged / "validation").Tensors("episode")[0].tensor_proto)
    assert (int(stored[0]), int(stored[1])) == (6, 4)  # width, height
    picture = tf.io.decode_png(stored[2]).numpy()
    assert picture.shape == (4, 6, 3) and picture[0, 5].min() == 255 and picture[1:].max() == 0


def test_hparams_are_in_tensorboard_once(logged):
    assert len(list(logged.glob("events.*"))) == 1
    summary = read(logged).SummaryMetadata(metadata.SESSION_START_INFO_TAG)
    info = metadata.parse_session_start_info_plugin_data(summary.plugin_data.content)
    values = info.hparams
    assert values["model"].string_value == "flmn" and values["seed"].number_value == 7
    assert values["rows"].number_value == 8 and values["split"].string_value == "default"
