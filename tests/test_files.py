import json
import os

import pytest

from oneshot_tf import files
from oneshot_tf.errors import UserError


def test_a_file_is_written_whole_and_its_folder_made(tmp_path):
    path = tmp_path / "a" / "b" / "text.txt"
    files.write_text(path, "drei Äpfel\n")
    assert path.read_text(encoding="utf-8") == "drei Äpfel\n"
    assert os.listdir(path.parent) == ["text.txt"]


@pytest.mark.parametrize("mode, text", [("w", "new"), ("wb", b"new")])
def test_the_former_file_stays_until_the_new_one_is_whole(tmp_path, mode, text):
    path = tmp_path / "text.txt"
    path.write_text("old")
    with files.replacing(path, mode) as file:
        file.write(text)
        assert path.read_text() == "old"
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["text.txt"]


def test_an_error_leaves_the_former_file_and_nothing_else(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as file:
        file.write("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["text.txt"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="text.txt cannot be written .*; name another place"):
        files.write_text(tmp_path / "file" / "text.txt", "text")


def test_read_json(tmp_path):
    path = tmp_path / "fields.json"
    path.write_text('{"a": [1, "ä"]}', encoding="utf-8")
    assert files.read_json(path) == {"a": [1, "ä"]}


@pytest.mark.parametrize("content", [b'{"a": 1', b"", b"\xff\xfe"])
def test_what_is_no_json_is_named(tmp_path, content):
    path = tmp_path / "fields.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"fields.json is not JSON .*restore or delete it"):
        files.read_json(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="nothing.json cannot be read .No such file"):
        files.read_json(tmp_path / "nothing.json")


def test_dump_is_readable_and_survives():
    text = files.dump({"name": "Äpfel", "numbers": [1, 2.5, None]})
    assert text.endswith("}\n") and '  "name": "Äpfel"' in text
    assert json.loads(text) == {"name": "Äpfel", "numbers": [1, 2.5, None]}
