"""Opening archives that may be damaged or hostile."""

import pathlib
import tarfile
import zipfile
import zlib

from oneshot_tf.errors import UserError

MAX_FILES = 2_000_000
MAX_BYTES = 20 << 30
TAR_SUFFIXES = (".tar", ".tgz", ".tar.gz")
# what reading a member of an open `ZipFile` raises where it is damaged
DAMAGE = (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError)


def damaged(path, error):
    """The error for an archive that cannot be read."""
    return UserError(f"{path} is damaged ({error}); delete it and get it again")


def names(path):
    """The names of all files of a zip or, by its suffix, a tar archive.

    Raises:
      UserError: see `open_zip`.
    """
    if is_tar(path):
        return [name for name, _ in _tar_files(path)]
    with open_zip(path) as archive:
        return archive.namelist()


def contents(path, wanted):
    """The bytes of each file named of a zip or a tar archive, in the order of `wanted`.

    Raises:
      UserError: see `open_zip` and `read`; or one is not there.
    """
    if is_tar(path):
        yield from _tar_contents(path, wanted)
        return
    with open_zip(path) as archive:
        there = set(archive.namelist())
        for name in wanted:
            if name not in there:
                raise damaged(path, f"{name} is not in it")
            yield read(archive, name)


def is_tar(path):
    return pathlib.Path(path).name.lower().endswith(TAR_SUFFIXES)


def open_zip(path):
    """An open `ZipFile` whose names stay inside the target and whose size is bounded.

    Raises:
      UserError: truncated, not a zip, names with `..` or absolute paths, or too large.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise damaged(path, error) from None
    try:
        infos = archive.infolist()
        for info in infos:
            _check_name(path, info.filename)
        _check_size(path, len(infos), sum(info.file_size for info in infos))
    except UserError:
        archive.close()
        raise
    return archive


def read(archive, info):
    """The bytes of one member of an open `ZipFile`.

    Raises:
      UserError: damaged, or encrypted.
    """
    try:
        return archive.read(info)
    except DAMAGE as error:
        raise damaged(archive.filename, error) from None


def _check_name(path, text):
    name = pathlib.PureWindowsPath(text)  # knows both slashes, and drives
    if name.drive or name.root or ".." in name.parts:
        raise UserError(f"{path} names {text!r}, outside its folder; refused")


def _check_size(path, files, size):
    if files > MAX_FILES or size > MAX_BYTES:
        raise UserError(
            f"{path} holds {files} files; expected at most {MAX_FILES} and {MAX_BYTES >> 30} GiB"
        )


def _tar_files(path):
    """(name, () -> bytes) of the regular files of a tar archive; links and devices are passed over."""
    files = size = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                _check_name(path, member.name)
                if member.isfile():
                    files, size = files + 1, size + member.size
                    _check_size(path, files, size)
                    yield member.name, archive.extractfile(member).read
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise damaged(path, error) from None


def _tar_contents(path, wanted):
    """As `contents`; what is packed as one stream is read once, from front to end."""
    asked = set(wanted)
    found = {name: read_all() for name, read_all in _tar_files(path) if name in asked}
    for name in wanted:
        if name not in found:
            raise damaged(path, f"{name} is not in it")
        yield found[name]
