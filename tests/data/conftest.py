"""What the tests of the data share: a cache of their own, small pictures, the real data if any."""

import os
import pathlib

import pytest

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
