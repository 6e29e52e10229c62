"""Files that are there whole or not at all, and JSON that is checked when read."""

import contextlib
import json
import os
import pathlib

from oneshot_tf.errors import UserError


@contextlib.contextmanager
def replacing(path, mode="w"):
    """Opens a temporary file beside `path`; it takes its place when the block ends well.

    Args:
      path: the file to make or replace; its folder is made.
      mode: "w" for UTF-8 text, "wb" for bytes.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_pattern(path):
    """Refuses a folder whose files TensorFlow would not find again: it reads `[` as part of a pattern.

    Raises:
      UserError: see above.
    """
    if "[" in str(path):
        raise UserError(
            f"A folder of a run or an export must have no [ in its path, which TensorFlow takes for a "
            f"pattern. Received: {path}; name another, or rename it"
        )


def write_text(path, text):
    """Writes a text file: all of it or nothing.

    Raises:
      UserError: the place cannot be written.
    """
    try:
        with replacing(path) as file:
            file.write(text)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}); name another place"
        ) from None


def read_bytes(path, most=None):
    """The content of a file.

    Args:
      path: the file.
      most: how many bytes it may have, or None.

    Raises:
      UserError: it cannot be read, or is larger; then no more than `most` bytes were read.
    """
    try:
        with open(path, "rb") as file:
            content = file.read() if most is None else read_at_most(file, most)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check its rights") from None
    if content is None:
        raise UserError(
            f"{path} has more than {most / 2**20:.4g} MiB; expected at most that: make it smaller"
        )
    return content


def read_at_most(file, most, block=1 << 20):
    """All that is left of an open file, or None if that is more than `most` bytes.

    Args:
      file: what has `read`; its word on its own size is not taken.
      most: bytes.
      block: how much is asked for at once.
    """
    content = bytearray()
    while part := file.read(min(block, most + 1 - len(content))):
        content += part
        if len(content) > most:
            return None
    return bytes(content)


def read_json(path):
    """The content of a JSON file.

    Raises:
      UserError: it is not there, or is no JSON.
    """
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); restore or delete it") from None


def dump(value):
    """JSON as it stands in every file of ours: two spaces, a newline at the end."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
