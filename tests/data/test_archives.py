import io
import tarfile
import zipfile

import pytest

from oneshot_tf.data import archives
from oneshot_tf.errors import UserError


@pytest.fixture
def make_zip(tmp_path):
    def make(names, content=b"content", **arguments):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", **arguments) as archive:
            for name in names:
                archive.writestr(name, content)
        return path

    return make


def test_good(make_zip):
    with archives.open_zip(make_zip(["a/b.png", "a/..c"])) as archive:
        assert [archives.read(archive, info) for info in archive.infolist()] == [b"content"] * 2


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/a", "a\\..\\b", "\\a", "C:\\a", "C:a"])
def test_names_outside(make_zip, name):
    with pytest.raises(UserError, match="outside its folder"):
        archives.open_zip(make_zip(["fine", name]))


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.95])
def test_truncated(make_zip, keep):
    path = make_zip([str(n) for n in range(9)])
    content = path.read_bytes()
    path.write_bytes(content[: keep if keep > 1 else int(keep * len(content))])
    with pytest.raises(UserError, match=r"a\.zip is damaged"):
        archives.open_zip(path)


def test_absent(tmp_path):
    with pytest.raises(UserError, match=r"none\.zip"):
        archives.open_zip(tmp_path / "none.zip")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_member(make_zip, compression):
    path = make_zip(["a"], bytes(range(256)) * 9, compression=compression)
    content = bytearray(path.read_bytes())
    content[40:60] = b"\xff" * 20
    path.write_bytes(content)
    with (
        archives.open_zip(path) as archive,
        pytest.raises(UserError, match=r"a\.zip is damaged"),
    ):
        archives.read(archive, archive.infolist()[0])


def test_too_many_or_too_large(make_zip, monkeypatch):
    path = make_zip(["a", "b"])
    monkeypatch.setattr(archives, "MAX_FILES", 1)
    with pytest.raises(UserError, match="holds 2 files"):
        archives.open_zip(path)
    monkeypatch.setattr(archives, "MAX_FILES", 9)
    monkeypatch.setattr(archives, "MAX_BYTES", 13)
    with pytest.raises(UserError, match="holds 2 files"):
        archives.open_zip(path)


def make_tar(path, names, kind=tarfile.REGTYPE):
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "elsewhere"
            member.size = len(name) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(name.encode()))
    return path


def test_tar(tmp_path):
    path = make_tar(tmp_path / "a.tgz", ["a/b", "c"])
    assert archives.names(path) == ["a/b", "c"]
    assert list(archives.contents(path, ["c", "a/b"])) == [b"c", b"a/b"]
    with pytest.raises(UserError, match="d is not in it"):
        list(archives.contents(path, ["d"]))


def test_tar_links_are_no_files(tmp_path):
    assert archives.names(make_tar(tmp_path / "a.tar.gz", ["a"], tarfile.SYMTYPE)) == []


@pytest.mark.parametrize("name", ["../a", "/etc/a", "a/../../b"])
def test_tar_names_outside(tmp_path, name):
    with pytest.raises(UserError, match="outside its folder"):
        archives.names(make_tar(tmp_path / "a.tgz", ["fine", name]))


@pytest.mark.parametrize("keep", [0, 10, 100])
def test_tar_truncated(tmp_path, keep):
    path = make_tar(tmp_path / "a.tgz", [str(n) for n in range(99)])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"a\.tgz is damaged") as caught:
        archives.names(path)
    assert "\n" not in str(caught.value)


def test_tar_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILES", 1)
    with pytest.raises(UserError, match="holds 2 files"):
        archives.names(make_tar(tmp_path / "a.tgz", ["a", "b"]))
