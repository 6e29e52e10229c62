"""The models that come with the project: they load, answer, and are as good as their record says."""

import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf import data
from oneshot_tf.data import splits
from oneshot_tf.run_config import DataOptions
from oneshot_tf.sampling import few_shot, source

ROOT = pathlib.Path(__file__).resolve().parents[1] / "pretrained"
MODELS = sorted(path for path in ROOT.glob("*/[0-9]*") if path.is_dir())
EPISODES = 20
ARCHIVES = {"omniglot": "images_background.zip", "tiny_imagenet": "tiny_imagenet_fs.zip"}


# the largest takes 20 s
MARKED = [
    pytest.param(path, marks=pytest.mark.slow) if "imagenet" in path.parent.name else path
    for path in MODELS
]


@pytest.fixture(scope="module", params=MARKED, ids=lambda path: path.parent.name)
def export(request):
    """(folder, what `export.json` says, loaded model)."""
    fields = json.loads((request.param / "export.json").read_text())
    return request.param, fields, tf.saved_model.load(str(request.param))


def test_it_is_small_and_comes_with_card_and_record(export):
    path, fields, _ = export
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    assert size < (12e6 if fields["model"] == "mmnet" else 5e6)  # its contextual learner is large
    record = json.loads((path / "record.json").read_text())
    assert record["config"] == fields["config"] == path.parent.name
    assert record["protocol"]["episodes"] == 1000
    assert (path / "model_card.md").read_text().startswith(f"# {path.parent.name}")


def test_it_answers_as_well_as_its_record_says(export):
    """Five shots, five ways, its own test classes."""
    path, fields, model = export
    record = json.loads((path / "record.json").read_text())
    options = DataOptions(
        dataset=record["dataset"],
        image_size=fields["image_size"],
        channels=fields["channels"],
        split=fields["split"]["name"],
    )
    if not (data.data_dir(options) / ARCHIVES[options.dataset]).is_file():
        pytest.skip(f"no {options.dataset} in {os.environ.get('ONESHOT_TF_DATA')}")
    dataset = data.load(options)
    split = splits.load(dataset, options)
    assert split.sha256() == fields["split"]["sha256"]
    population = source.make(dataset.select(split.test), options, rotations=False, vary=False)
    sample = few_shot.sampler(
        population, seed=1, stream="test", batch=EPISODES, way=5, shot=5, queries=4
    )
    episode = sample(tf.constant(0))
    found = model.signatures["classify"](
        support_images=episode.support,
        support_labels=tf.cast(episode.support_labels, tf.int64),
        query_images=episode.query,
    )
    accuracy = 100.0 * np.mean(found["labels"].numpy() == episode.query_labels.numpy())
    recorded = record["accuracy"]
    # a fifth example is that of the 6th presentation of a sequence
    expected = recorded.get("5w5s", recorded.get("6"))["mean"]
    spread = 100.0 * np.sqrt(expected / 100 * (1 - expected / 100) / (EPISODES * 20))
    assert accuracy > expected - 5.0 * spread - 1.0
