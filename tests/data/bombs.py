"""Small files that unpack to gigabytes, and how much memory a call takes."""

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

BLOCK = 16 << 20
GIGABYTES = 3 << 30
# pieces that can be repeated: making three gigabytes anew would take ten seconds
_PACKER = zlib.compressobj(9, zlib.DEFLATED, -15)
DEFLATED = _PACKER.compress(bytes(BLOCK)) + _PACKER.flush(zlib.Z_FULL_FLUSH)
GZIPPED = gzip.compress(bytes(BLOCK))
COUNT = GIGABYTES // BLOCK


def bomb_zip(path, name, said=GIGABYTES):
    """A zip of one member of three gigabytes of zeros, of which the directory says `said`."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, DEFLATED * COUNT + b"\x03\x00")
    content = bytearray(path.read_bytes())
    central = content.rindex(b"PK\x01\x02")
    for start, packed_as, size in ((0, 8, 22), (central, 10, 24)):
        struct.pack_into("<H", content, start + packed_as, zipfile.ZIP_DEFLATED)
        struct.pack_into("<I", content, start + size, said)
    path.write_bytes(content)
    return path


def bomb_gzip(path, head=b""):
    """`head`, then three gigabytes of zeros."""
    path.write_bytes(gzip.compress(head) + GZIPPED * COUNT)
    return path


def bomb_tar(path, name, kind=tarfile.REGTYPE):
    """A packed tar archive whose first member has three gigabytes."""
    member = tarfile.TarInfo(name)
    member.size, member.type = GIGABYTES, kind
    return bomb_gzip(path, member.tobuf(tarfile.GNU_FORMAT))


def sparse_file(path):
    """A file of three gigabytes that takes no room."""
    with open(path, "wb") as file:
        file.truncate(GIGABYTES)
    return path


def large_png(width, height):
    """A PNG of black pixels; of a large one not all of them."""

    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    found = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    found.seek(0, io.SEEK_END)
    found.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)))
    found.write(chunk(b"IDAT", zlib.compress(bytes(min(height * (width + 1), BLOCK)), 1)))
    found.write(chunk(b"IEND", b""))
    return found.getvalue()


def peak_of(call):
    """Bytes that a call held at most, beyond what was held before."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
