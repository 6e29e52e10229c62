"""Opening archives that may be damaged or hostile."""

import lzma
import pathlib
import tarfile
import zipfile
import zlib

from oneshot_tf.errors import UserError
from oneshot_tf.files import read_at_most, read_bytes

MAX_FILES = 2_000_000
MAX_BYTES = 20 << 30  # of all members, unpacked
MAX_FILE = 50 << 20  # of one picture or text, which is read whole
MAX_TAR = 2 << 30  # of what is taken of a tar archive, which is held until all of it is read
# what stands before a member of a tar archive, as a long name, and is read whole
_HEADERS = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip
_MAX_HEADER = 1 << 20
TAR_SUFFIXES = (".tar", ".tgz", ".tar.gz")
# what opening a `ZipFile` or reading a member of it raises where it is damaged
DAMAGE = (
    zipfile.BadZipFile,
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
    UnicodeDecodeError,  # of a name in a zip that says it is UTF-8
)


def damaged(path, error):
    """The error for an archive that cannot be read."""
    reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(":")
    return UserError(f"{path} is damaged ({reason}); delete it and get it again")


def names(path):
    """The names of all files of a zip or, by its suffix, a tar archive.

    Raises:
      UserError: see `open_zip`.
    """
    if is_tar(path):
        return [name for name, *_ in _tar_files(path)]
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
    except (*DAMAGE, ValueError) as error:
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
      UserError: damaged, encrypted, or larger than `MAX_FILE`.
    """
    try:
        return read_member(archive, info)
    except DAMAGE as error:
        raise damaged(archive.filename, error) from None


def read_member(archive, info):
    """As `read`, but what is wrong with a damaged member is one of `DAMAGE`, or a `KeyError`."""
    info = archive.getinfo(info) if isinstance(info, str) else info
    content = None
    if info.file_size <= MAX_FILE:
        # Asked for more, zipfile unpacks more, even than the directory says that there is. Only
        # of what is deflated can it stop within a block: of other kinds it gets little at once.
        plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        with archive.open(info) as file:
            content = read_at_most(file, MAX_FILE, (1 << 20) if plain else file.MIN_READ_SIZE)
    if content is None:
        raise _too_large(archive.filename, info.filename, info.file_size)
    return content


def read_file(path):
    """The bytes of a picture or a text that is a file of its own.

    Raises:
      UserError: it cannot be read, or is larger than `MAX_FILE`.
    """
    return read_bytes(path, MAX_FILE)


def _too_large(path, name, size):
    return UserError(
        f"{path}: {name} unpacks to {size / 2**20:.0f} MiB; expected at most {MAX_FILE >> 20}; "
        "refused, get the archive from somewhere else"
    )


def _check_name(path, text):
    name = pathlib.PureWindowsPath(text)  # knows both slashes, and drives
    if name.drive or name.root or ".." in name.parts:
        raise UserError(f"{path} names {text!r}, outside its folder; refused")


def _check_size(path, files, size):
    if files > MAX_FILES or size > MAX_BYTES:
        raise UserError(
            f"{path} holds {files} files that unpack to {size / 2**30:.1f} GiB; expected at most "
            f"{MAX_FILES} files and {MAX_BYTES >> 30} GiB"
        )


class _Refused(Exception):
    """A tar archive has what no picture needs."""


class _Member(tarfile.TarInfo):
    """A member of a tar archive whose headers cannot fill the memory."""

    def _proc_member(self, archive):
        if self.type in _HEADERS and self.size > _MAX_HEADER:
            raise _Refused(f"a header of {self.size} bytes")
        return super()._proc_member(archive)

    def _proc_gnusparse_10(self, *_):
        raise _Refused("a sparse file")


def _tar_files(path):
    """(name, size, () -> bytes) of the regular files of a tar archive; links and devices are passed over."""
    files = size = 0
    try:
        with tarfile.open(path, tarinfo=_Member) as archive:
            for member in archive:
                _check_name(path, member.name)
                files, size = files + 1, size + member.size
                _check_size(path, files, size)
                if member.isfile():
                    if member.size > MAX_FILE:
                        raise _too_large(path, member.name, member.size)
                    yield member.name, member.size, archive.extractfile(member).read
    except _Refused as refused:
        raise UserError(f"{path} has {refused}; get it from somewhere else") from None
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        raise damaged(path, error) from None


def _tar_contents(path, wanted):
    """As `contents`; what is packed as one stream is read once, from front to end."""
    asked, found, held = set(wanted), {}, 0
    for name, size, read_all in _tar_files(path):
        if name not in asked:
            continue
        held += size
        if held > MAX_TAR:
            raise UserError(
                f"{path} has more than {MAX_TAR >> 30} GiB of pictures, which would be held at once; "
                "extract it"
            )
        found[name] = read_all()
    for name in wanted:
        if name not in found:
            raise damaged(path, f"{name} is not in it")
        yield found[name]
