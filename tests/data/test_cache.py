import numpy as np
import pytest

from oneshot_tf.data import cache
from oneshot_tf.data.dataset import from_classes


@pytest.fixture
def build():
    """Builds a small data set and counts how often."""

    def build():
        build.calls += 1
        images = np.random.default_rng(0).integers(0, 256, (3, 9, 9, 1), np.uint8)
        return from_classes("small", {"a": images, "é/b": images[:2]})

    build.calls = 0
    return build


def get(build, source="source", settings=(28, 1)):
    return cache.cached("small", source, settings, build)


def test_second_time_from_the_disk(build, own_cache):
    first, second = get(build), get(build)
    assert build.calls == 1
    assert second.sha256() == first.sha256()
    assert second.name == "small" and second.class_names == ("a", "é/b")
    assert [path.suffix for path in own_cache.iterdir()] == [".npz"]


def test_other_source_or_settings_is_another_entry(build, own_cache):
    get(build)
    get(build, source="other")
    get(build, settings=(20, 1))
    assert build.calls == 3 and len(list(own_cache.iterdir())) == 3


def _truncate(content):
    return content[:-200]


def _flip(content):
    middle = len(content) // 4
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage", [_truncate, _flip, lambda content: b"", lambda content: b"not a cache file"]
)
def test_damaged_is_made_again(build, own_cache, damage):
    first = get(build)
    (file,) = own_cache.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert get(build).sha256() == first.sha256() and build.calls == 2
    assert get(build).sha256() == first.sha256() and build.calls == 2


def test_folder_that_cannot_be_written(build, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ONESHOT_TF_CACHE", str(tmp_path / "file"))
    assert get(build).num_classes == 2
    assert "Not cached" in capsys.readouterr().err


def test_a_crash_while_writing_leaves_nothing(build, own_cache, monkeypatch):
    def crash(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", crash)
    with pytest.raises(KeyboardInterrupt):
        get(build)
    assert list(own_cache.iterdir()) == []


def test_file_hash_depends_on_bytes_and_order(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"1")
    b.write_bytes(b"2")
    assert cache.file_sha256([a, b]) != cache.file_sha256([b, a])
    assert len(cache.file_sha256([a])) == 64
