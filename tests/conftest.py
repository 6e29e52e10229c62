"""What all tests share: small data sets, a cache of their own, small models."""

import ctypes
import dataclasses
import gc
import io
import os
import time

import hypothesis
import numpy as np
import pytest
import tf_keras as keras
from PIL import Image

from oneshot_tf import models
from oneshot_tf.data.dataset import from_classes
from oneshot_tf.run_config import DataOptions
from oneshot_tf.sampling import source

# for the workers, which start after this: with an arena a thread, memory that is freed stays theirs
os.environ.setdefault("MALLOC_ARENA_MAX", "2")
os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)  # what commands print is tested as users see it
IMAGE_SIZE, WAY, SHOT = 8, 3, 4
# where a model has an option of this name, the small model has this value
SMALL = {
    "hidden_size": 16,
    "rows": 8,
    "width": 6,
    "heads": 2,
    "encoder": "flat",
    "execution": "while",
    "filters": 8,
    "blocks": 2,
    "train_classes": 12,
    "key_width": 12,
    "content": 6,
    "style": 3,
    "reader_hidden_size": 6,
    "unrolled": 5,
    "passes": 2,
    "parts": 2,
}


# the examples that hypothesis draws are the same in each run, too
hypothesis.settings.register_profile(
    "project", deadline=None, derandomize="ONESHOT_TF_TESTS_SEED" not in os.environ
)
hypothesis.settings.load_profile("project")


def pytest_runtest_setup(item):
    """Fixes what a test and its fixtures draw; begins no slow test when the time is over.

    Initialisers without a seed draw theirs by Python's `random` unless Keras is given one:
    `tf.random.set_seed` is not enough. ONESHOT_TF_TESTS_SEED (default: 0) is another one, and makes
    hypothesis draw anew: a test that passes with 0 alone is a coin that fell well.

    Slow tests begin until ONESHOT_TF_TESTS_UNTIL (seconds since 1970), where that is set: a machine
    may be too slow for all of them in the time that it is given; the summary then counts those that
    were skipped, and says why.
    """
    keras.utils.set_random_seed(int(os.environ.get("ONESHOT_TF_TESTS_SEED", "0")))
    until = os.environ.get("ONESHOT_TF_TESTS_UNTIL")
    if until and time.time() > float(until) and item.get_closest_marker("slow"):
        pytest.skip("the time of ONESHOT_TF_TESTS_UNTIL is over")


@pytest.fixture(scope="session", autouse=True)
def session_tmp_cache(tmp_path_factory):
    """No test reads or writes the user's cache; the workers of a session share one."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONESHOT_TF_CACHE", str(shared / "cache"))
        yield


@pytest.fixture(scope="session", autouse=True)
def nothing_old_is_looked_through():
    """What is imported by now stays for good: collecting garbage need not go through it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def graphs_go_with_their_module(nothing_old_is_looked_through):
    """Models and graphs of a module are freed, and their memory given back to the system."""
    yield
    keras.backend.clear_session()
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:  # a C library that has no such function
        return


@pytest.fixture(scope="session")
def make_dataset():
    """Makes a data set of random pictures: (sizes of the classes, picture size) -> Dataset."""

    def make(sizes, size=IMAGE_SIZE, seed=0, name="random"):
        random = np.random.default_rng(seed)
        classes = {
            f"class{c}": random.integers(0, 256, (count, size, size, 1), np.uint8)
            for c, count in enumerate(sizes)
        }
        return from_classes(name, classes)

    return make


@pytest.fixture(scope="session")
def distinct_dataset():
    """12 classes of 8 pictures, each class a random pattern with a little noise of its own."""
    random = np.random.default_rng(1)
    classes = {}
    for c in range(12):
        pattern = random.random((1, IMAGE_SIZE, IMAGE_SIZE, 1)) < 0.5
        noise = random.random((8, IMAGE_SIZE, IMAGE_SIZE, 1)) < 0.02
        classes[f"class{c}"] = np.where(pattern ^ noise, 255, 0).astype(np.uint8)
    return from_classes("distinct", classes)


@pytest.fixture(scope="session")
def make_source():
    """Makes a `Source`: (dataset, rotations, **data options) -> Source, of training."""

    def make(dataset, rotations=False, **options):
        options = DataOptions(**{"image_size": dataset.images.shape[1], **options})
        vary = source.varies(options)
        return source.make(dataset, options, rotations=rotations, vary=vary, train=True)

    return make


@pytest.fixture(scope="session")
def make_learner():
    """Makes a small model: (name, way, seed, **options) -> Learner."""

    def make(name, way=WAY, seed=0, image_size=IMAGE_SIZE, vocabulary=0, **options):
        keras.utils.set_random_seed(seed)
        model = models.find(name)
        known = {f.name: f.metadata["choices"] for f in dataclasses.fields(model.Options)}
        small = {k: v for k, v in SMALL.items() if k in known and v in (known[k] or [v])}
        if getattr(model.Options, "rows", None) == 0:  # as many as there are pictures
            del small["rows"]
        chosen = model.Options(**{**small, **options})
        sizes = {"image_size": image_size, "channels": 1, "vocabulary": vocabulary}
        return model(chosen, way=way, **sizes, name=name)

    return make


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def encode():
    """(array or Pillow image, format) -> the bytes of a picture file."""

    def encode(picture, format="PNG", **arguments):
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        file = io.BytesIO()
        image.save(file, format, **arguments)
        return file.getvalue()

    return encode


@pytest.fixture
def picture_folder(tmp_path, encode):
    """Makes DIR/<class>/<n>.png from {class: number of pictures}; every picture is different."""

    def make(sizes, name="pictures"):
        random = np.random.default_rng(0)
        for label, size in sizes.items():
            folder = tmp_path / name / label
            folder.mkdir(parents=True)
            for k in range(size):
                pixels = random.integers(0, 256, (9, 11, 3), np.uint8)
                (folder / f"{k}.png").write_bytes(encode(pixels))
        return tmp_path / name

    return make
