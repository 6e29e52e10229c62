"""Opening archives that may be damaged or hostile."""

import pathlib
import zipfile
import zlib

from oneshot_tf.errors import UserError

MAX_FILES = 2_000_000
MAX_BYTES = 20 << 30


def damaged(path, error):
    """The error for an archive that cannot be read."""
    return UserError(f"{path} is damaged ({error}); delete it and get it again")


def open_zip(path):
    """An open `ZipFile` whose names stay inside the target and whose size is bounded.

    Raises:
      UserError: truncated, not a zip, names with `..` or absolute paths, or too large.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise damaged(path, error) from None
    infos = archive.infolist()
    for info in infos:
        name = pathlib.PureWindowsPath(info.filename)  # knows both slashes, and drives
        if name.drive or name.root or ".." in name.parts:
            archive.close()
            raise UserError(f"{path} names {info.filename!r}, outside its folder; refused")
    if len(infos) > MAX_FILES or sum(info.file_size for info in infos) > MAX_BYTES:
        archive.close()
        raise UserError(
            f"{path} holds {len(infos)} files; expected at most {MAX_FILES} and {MAX_BYTES >> 30} GiB"
        )
    return archive


def read(archive, info):
    """The bytes of one member of an open `ZipFile`.

    Raises:
      UserError: damaged, or encrypted.
    """
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError) as error:
        raise damaged(archive.filename, error) from None
