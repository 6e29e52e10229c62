"""What unpacks to gigabytes is refused by name before it takes memory."""

import pickle
import subprocess
import sys
import tarfile
import zipfile

import pytest

from oneshot_tf import data
from oneshot_tf.data import archives, damage, image_files, lazy_images, mnist, pickled, pictures
from oneshot_tf.errors import UserError
from oneshot_tf.files import read_bytes
from oneshot_tf.run_config import DataOptions
from tests.data.bombs import bomb_gzip, bomb_tar, bomb_zip, large_png, peak_of, sparse_file

MEGABYTE = 1 << 20
PERSON = "Ann/Ann_0001.jpg"


def refused(call, match, most):
    """Checks that a call ends in one line, and takes less than `most` megabytes for it."""

    def run():
        with pytest.raises(UserError, match=match) as caught:
            call()
        assert "\n" not in str(caught.value)

    assert peak_of(run) < most * MEGABYTE


def read_zip(path):
    with archives.open_zip(path) as archive:
        return [archives.read(archive, name) for name in archive.namelist()]


def test_a_member_that_says_its_size_is_not_unpacked(tmp_path):
    path = bomb_zip(tmp_path / "a.zip", "a.jpg")
    match = r"a\.zip: a\.jpg unpacks to 3072 MiB; expected at most 50; refused"
    refused(lambda: read_zip(path), match, 12)
    refused(lambda: lazy_images.read(path, "a.jpg"), match, 12)
    refused(lambda: list(archives.contents(path, ["a.jpg"])), match, 12)


@pytest.mark.parametrize("said", [10, 40 * MEGABYTE])
def test_a_member_that_lies_about_its_size_is_unpacked_no_further(tmp_path, said):
    path = bomb_zip(tmp_path / "a.zip", "a.jpg", said)
    most = 12 + 2 * said // MEGABYTE
    refused(lambda: read_zip(path), r"a\.zip is damaged", most)
    refused(lambda: lazy_images.read(path, "a.jpg"), r"a\.jpg is damaged", most)


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_kinds_of_packing_are_unpacked_bit_by_bit(tmp_path, kind):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", kind) as archive:
        archive.writestr("small", b"content")
        archive.writestr("large", bytes(archives.MAX_FILE + 1))
    with archives.open_zip(tmp_path / "a.zip") as archive:
        assert archives.read(archive, "small") == b"content"
    refused(lambda: read_zip(tmp_path / "a.zip"), "large unpacks to 50 MiB", 12)


def test_a_file_as_large_as_allowed_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILE", 3 * MEGABYTE)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", bytes(3 * MEGABYTE))
        archive.writestr("b", bytes(3 * MEGABYTE + 1))
    with archives.open_zip(tmp_path / "a.zip") as archive:
        assert archives.read(archive, "a") == bytes(3 * MEGABYTE)
        with pytest.raises(UserError, match="b unpacks to 3 MiB"):
            archives.read(archive, "b")
    (tmp_path / "c").write_bytes(bytes(3 * MEGABYTE))
    assert len(archives.read_file(tmp_path / "c")) == 3 * MEGABYTE


def test_archives_whose_members_sum_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 100)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in "abc":
            archive.writestr(name, bytes(40))
    with pytest.raises(UserError, match=r"a\.zip holds 3 files that unpack to 0.0 GiB; expected"):
        archives.open_zip(tmp_path / "a.zip")


def test_a_member_of_a_tar_archive(tmp_path):
    path = bomb_tar(tmp_path / "a.tgz", "a.jpg")
    match = r"a\.tgz: a\.jpg unpacks to 3072 MiB"
    refused(lambda: list(archives.contents(path, ["a.jpg"])), match, 5)


@pytest.mark.parametrize(
    "kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE]
)
def test_a_header_of_a_tar_archive(tmp_path, kind):
    path = bomb_tar(tmp_path / "a.tgz", "a", kind)
    refused(lambda: archives.names(path), r"a\.tgz has a header of 3221225472 bytes", 5)


def test_what_is_taken_of_a_tar_archive_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_TAR", 100)
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(bytes(40))
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        for number in range(3):
            archive.add(tmp_path / f"{number}.jpg", f"{number}.jpg")
    assert len(list(archives.contents(tmp_path / "a.tgz", ["2.jpg", "0.jpg"]))) == 2
    with pytest.raises(UserError, match=r"a\.tgz has more than .* extract it"):
        list(archives.contents(tmp_path / "a.tgz", ["0.jpg", "1.jpg", "2.jpg"]))


def test_tar_archives_of_folders_alone_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILES", 5)
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        for number in range(9):
            member = tarfile.TarInfo(str(number))
            member.type = tarfile.DIRTYPE
            archive.addfile(member)
    with pytest.raises(UserError, match="holds 6 files"):
        archives.names(tmp_path / "a.tgz")


def test_a_file_of_a_folder(tmp_path):
    (tmp_path / "Ann").mkdir()
    path = sparse_file(tmp_path / PERSON)
    match = r"Ann_0001\.jpg has more than 50 MiB; expected at most that"
    refused(lambda: list(image_files.contents(tmp_path, [PERSON])), match, 120)
    refused(lambda: lazy_images.read(tmp_path, PERSON), match, 120)
    refused(lambda: image_files.sha256({"Ann": [(tmp_path, PERSON)]}), match, 120)
    with pytest.raises(UserError, match="more than 0.5 MiB"):
        read_bytes(path, MEGABYTE // 2)


@pytest.mark.parametrize("suffix", ["zip", "tgz", "folder"])
def test_data_sets_are_refused_in_one_line(tmp_path, suffix):
    if suffix == "zip":
        bomb_zip(tmp_path / "lfw_84.zip", PERSON)
    elif suffix == "tgz":
        bomb_tar(tmp_path / "lfw.tgz", PERSON)
    else:
        (tmp_path / "lfw" / "Ann").mkdir(parents=True)
        sparse_file(tmp_path / "lfw" / PERSON)
    options = DataOptions(dataset="lfw", data_dir=str(tmp_path), image_size=8)
    refused(lambda: data.load(options), r"Ann_0001\.jpg (unpacks to|has more than)", 120)


def test_too_large_files_are_left_out_with_the_damaged_ones(tmp_path, encode):
    (tmp_path / "Ann").mkdir()
    sparse_file(tmp_path / PERSON)
    found = damage.find("lfw", [(tmp_path, PERSON)])
    assert list(found) == [f"{tmp_path}: {PERSON}"] and "more than 50 MiB" in next(
        iter(found.values())
    )


def test_digits(tmp_path):
    path = bomb_gzip(tmp_path / "t10k-images-idx3-ubyte.gz", bytes([0, 0, 8, 3]))
    refused(lambda: mnist.read_idx(path, 3), "unpacks to more than 64 MiB", 160)


def test_pickles(tmp_path):
    path = sparse_file(tmp_path / "mini-imagenet-cache-train.pkl")
    refused(lambda: pickled.load(path), r"train\.pkl has 3.0 GiB; expected at most 2", 5)
    (tmp_path / "small.pkl").write_bytes(pickle.dumps({"a": 1}))
    assert pickled.load(tmp_path / "small.pkl") == {"a": 1}


def test_a_picture_of_too_many_pixels_is_not_decoded(monkeypatch):
    content = large_png(9000, 9000)

    def load(_):
        raise AssertionError("it was decoded")

    with monkeypatch.context() as patch:
        patch.setattr("PIL.ImageFile.ImageFile.load", load)
        refused(
            lambda: pictures.decode(content, "a.png"),
            "a.png has 9000 x 9000 pixels; expected at most 80 million; make it smaller",
            5,
        )
    assert pictures.decode(large_png(90, 50), "b.png").size == (90, 50)


@pytest.mark.parametrize("side", [10_000, 40_000])
def test_pillows_own_limits_say_nothing_more(tmp_path, side):
    (tmp_path / "a.png").write_bytes(large_png(side, side))
    program = f"""
from oneshot_tf.data import pictures
from oneshot_tf.errors import UserError
try:
    pictures.decode(open({str(tmp_path / "a.png")!r}, "rb").read(), "a.png")
except UserError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "a.png" in done.stdout and "pixels" in done.stdout and done.stderr == ""
