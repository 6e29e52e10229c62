"""What the tests of the data share: a cache of their own, small pictures, the real data if any."""

import io
import os
import pathlib
import zipfile

import numpy as np
import pytest
from PIL import Image

from oneshot_tf.data import glyphs, omniglot
from oneshot_tf.run_config import DataOptions

_BESIDE_PROJECT = pathlib.Path(__file__).parents[2] / ".." / "shared" / "data"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test reads or writes the user's cache."""
    path = tmp_path / "cache"
    monkeypatch.setenv("ONESHOT_TF_CACHE", str(path))
    return path


@pytest.fixture(scope="session")
def real_data():
    """The folder with the real archives; skips where there is none."""
    path = pathlib.Path(os.environ.get("ONESHOT_TF_DATA") or _BESIDE_PROJECT)
    if not (path / "images_background.zip").is_file():
        pytest.skip("needs the real data: set ONESHOT_TF_DATA")
    return path


def _photographs(count):
    """Pictures of Tiny ImageNet where it is at hand, else random ones."""
    path = (
        pathlib.Path(os.environ.get("ONESHOT_TF_DATA") or _BESIDE_PROJECT) / "tiny_imagenet_fs.zip"
    )
    if path.is_file():
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".JPEG")]
            chosen = names[:: len(names) // count][:count]
            return [Image.open(io.BytesIO(archive.read(name))) for name in chosen]
    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 256, (64, 64, 3), np.uint8)) for _ in range(count)]


@pytest.fixture
def ilsvrc(tmp_path, encode):
    """A tree like ILSVRC2012's: 4 of its classes of 3 JPEG files, wide, high, square and gray."""
    wnids = ("n01498041", "n02085620", "n02113799", "n04612504")
    pictures = iter(_photographs(12))
    for k, wnid in enumerate(wnids):
        folder = tmp_path / "ilsvrc" / wnid
        folder.mkdir(parents=True)
        for number, size in {7: (90, 60), 100: (50, 81), 20: (64, 64)}.items():
            image = next(pictures).resize(size)
            image = image.convert("L") if (k, number) == (1, 7) else image
            (folder / f"{wnid}_{number}.JPEG").write_bytes(encode(image, "JPEG", quality=90))
    return tmp_path / "ilsvrc"


def _with_cache(folder, load):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONESHOT_TF_CACHE", str(folder))
        return load()


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("session_cache")


@pytest.fixture(scope="session")
def all_glyphs(session_cache):
    """All glyphs at 20 x 20, drawn once."""
    return _with_cache(session_cache, lambda: glyphs.load(None, DataOptions(image_size=20)))


@pytest.fixture(scope="session")
def all_omniglot(session_cache, real_data):
    """All of the real Omniglot at 20 x 20, read once."""
    return _with_cache(session_cache, lambda: omniglot.load(real_data, DataOptions(image_size=20)))
