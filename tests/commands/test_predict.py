import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw

from oneshot_tf.commands import predict
from oneshot_tf.errors import UserError
from oneshot_tf.runs import exporting
from oneshot_tf.serving import model
from tests.serving.exports import WAY, make_run

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory, make_dataset):
    """A workdir with an export under `export/1`."""
    workdir = tmp_path_factory.mktemp("run")
    make_run(workdir, make_dataset([3] * 8))
    exporting.export(workdir)
    return workdir


def draw(path, seed, size=(30, 40)):
    """A picture of a line through points that `seed` gives, dark on white."""
    points = np.random.default_rng(seed).integers(5, 28, (4, 2))
    image = Image.new("L", size, 255)
    ImageDraw.Draw(image).line([tuple(int(n) for n in p) for p in points], fill=0, width=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def pictures(tmp_path):
    """support/<class>/*.png of `WAY` classes, of 2, 3 and 4 pictures; new/*.png and one JPEG."""
    for c, name in enumerate(["a", "b c", "é"]):
        for k in range(2 + c):
            draw(tmp_path / "support" / name / f"{k}.png", 10 * c + k)
    for k in range(3):
        draw(tmp_path / "new" / f"{k}.png", 100 + k, size=(40 + k, 31))
    draw(tmp_path / "new" / "photo.jpg", 104)
    (tmp_path / "new" / "Thumbs.db").write_bytes(b"junk")
    return tmp_path


def ask(capsys, *words):
    """What the command prints."""
    assert predict.main(["predict", *words]) == 0
    return capsys.readouterr().out


# runs the command, then says which modules of models it needed
PROBE = """
import sys
from oneshot_tf.commands import flags, predict
predict.main(sys.argv)
parts = ("oneshot_tf.models", "oneshot_tf.layers", "oneshot_tf.training", "tf_keras")
print([name for name in sys.modules if name.startswith(parts)])
"""


WORDS = ["--support=support", "--query=new/*.png,new/photo.jpg"]


def test_command_prints_a_line_a_picture(run, pictures, monkeypatch, capsys):
    monkeypatch.chdir(pictures)
    head, *lines = ask(capsys, f"--export={run / 'export'}", *WORDS).splitlines()
    assert head.split() == ["file", "class", "probability", "runner-up"]
    files = [line.split()[0] for line in lines]
    assert files == [f"new/{name}" for name in ("0.png", "1.png", "2.png", "photo.jpg")]


def test_the_saved_model_is_all_it_needs(run, pictures):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, f"--export={run / 'export'}", *WORDS],
        cwd=pictures,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_answers_are_the_exports(run, pictures, capsys):
    words = [f"--export={run}", f"--support={pictures / 'support'}", f"--query={pictures / 'new'}"]
    answers = json.loads(ask(capsys, *words, "--json"))
    assert [a["file"] for a in answers] == [
        str(pictures / "new" / n) for n in ("0.png", "1.png", "2.png", "photo.jpg")
    ]
    for a in answers:
        assert list(a["probabilities"]) == ["a", "b c", "é"]
        assert sum(a["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
        ranked = sorted(a["probabilities"], key=a["probabilities"].get, reverse=True)
        assert [a["class"], a["runner_up"]] == ranked[:2]
        assert a["probability"] == a["probabilities"][a["class"]]

    # the same by the signature that decodes in the graph; Pillow and it agree to a gray level
    classes = predict.support_files(pictures / "support", WAY)
    files = list(classes.values())
    order = [(k, c) for k in range(4) for c in range(WAY) if k < len(files[c])]
    new = [pictures / "new" / f"{k}.png" for k in range(3)]
    encoded = tf.saved_model.load(str(run / "export" / "1")).signatures["classify_encoded"](
        support_bytes=tf.constant([files[c][k].read_bytes() for k, c in order]),
        support_labels=tf.constant([c for _, c in order], tf.int64),
        query_bytes=tf.constant([path.read_bytes() for path in new]),
    )
    expected = [[a["probabilities"][name] for name in classes] for a in answers[:3]]
    np.testing.assert_allclose(encoded["probabilities"], expected, atol=0.05)


def test_many_queries_are_asked_in_parts(run, pictures, monkeypatch, capsys):
    words = [f"--export={run}", f"--support={pictures / 'support'}", f"--query={pictures / 'new'}"]
    together = ask(capsys, *words)
    monkeypatch.setattr(model, "AT_ONCE", 3)
    assert ask(capsys, *words) == together


def test_support_takes_turns(pictures):
    classes = predict.support_files(pictures / "support", None)
    files, names = predict.in_turns(classes)
    assert names == ["a", "b c", "é", "a", "b c", "é", "b c", "é", "é"]
    assert files[0].parent.name == "a" and files[-1] == pictures / "support" / "é" / "3.png"


def test_newest_export_is_found(tmp_path):
    for number in ("2", "10", "9"):
        (tmp_path / "export" / number).mkdir(parents=True)
        (tmp_path / "export" / number / "saved_model.pb").write_bytes(b"")
    (tmp_path / "export" / "11").mkdir()  # not finished
    ten = tmp_path / "export" / "10"
    assert model.find_export(tmp_path) == model.find_export(tmp_path / "export") == ten
    assert model.find_export(tmp_path / "export" / "2").name == "2"


def test_queries_keep_their_order_and_odd_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.png", "a,1.png", "c[1].png", "c1.png", "in/z.png", "in/y.png", "in/.hidden"):
        draw(tmp_path / name, 0) if name.endswith("png") else (tmp_path / name).write_text("")

    def found(text):
        return [path.name for path in predict.query_files(text)]

    assert found("b.png,in") == ["b.png", "y.png", "z.png"]
    assert found("a,1.png") == ["a,1.png"] and found("c[1].png") == ["c[1].png"]
    for empty in ("", " ", "b.png,,in", "b.png,"):  # not the current folder
        with pytest.raises(UserError, match="must name pictures"):
            found(empty)
    assert found("i*/*.png") == ["y.png", "z.png"]
    assert found("c*.png,b.png") == ["c1.png", "c[1].png", "b.png"]
    assert found(",".join(["b.png"] * 1000)) == ["b.png"] * 1000  # longer than a name may be


def mistake(pictures, run, message, **changes):
    flags = {"export": run, "support": pictures / "support", "query": pictures / "new", **changes}
    with pytest.raises(UserError, match=message) as error:
        predict.main(["predict", *(f"--{name}={value}" for name, value in flags.items())])
    assert "\n" not in str(error.value)


def test_more_classes_than_the_model_has(run, pictures):
    draw(pictures / "support" / "fourth" / "0.png", 1)
    mistake(pictures, run, f"at most {WAY} classes.*Received: 4.*--way=4")


def test_folders_that_are_not_there(run, pictures):
    nowhere = pictures / "nowhere"
    mistake(pictures, run, "--support must be a folder", support=nowhere)
    mistake(pictures, run, "--query must name pictures", query=nowhere)
    mistake(pictures, run, "--query must name pictures", query=pictures / "*.gif")
    mistake(pictures, run, "--export must be the folder of an exported model", export=nowhere)


def test_support_without_classes_or_pictures(run, pictures):
    mistake(pictures, run, "at least 2 folders.*it has 0", support=pictures / "new")
    (pictures / "support" / "empty").mkdir()
    shutil.rmtree(pictures / "support" / "a")
    mistake(pictures, run, "'empty' has none")


def test_unreadable_pictures(run, pictures):
    (pictures / "new" / "1.png").write_bytes(b"no picture")
    mistake(pictures, run, r"1\.png is not a readable picture")
    (pictures / "new" / "1.png").unlink()
    (pictures / "support" / "a" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    mistake(pictures, run, r"0\.png is not a readable picture")


def test_damaged_exports(run, pictures):
    copy = pictures / "copy"
    shutil.copytree(run / "export" / "1", copy)
    (copy / "saved_model.pb").write_bytes(b"damaged")
    mistake(pictures, run, "cannot be loaded", export=copy)
    fields = json.loads((copy / "export.json").read_text())
    (copy / "export.json").write_text(json.dumps({**fields, "signatures": ["sequence"]}))
    mistake(pictures, run, "sequences only", export=copy)
    (copy / "export.json").write_text(json.dumps({**fields, "signatures": ["classify_text"]}))
    mistake(pictures, run, "reads sentences, and --query are pictures", export=copy)
    (copy / "export.json").unlink()
    mistake(pictures, run, "copy the whole folder", export=copy)


@pytest.mark.parametrize("flag", ["export", "support", "query"])
def test_flags_that_are_missing(flag):
    others = [f"--{name}=x" for name in ("export", "support", "query") if name != flag]
    with pytest.raises(UserError, match=f"--{flag} is missing"):
        predict.main(["predict", *others])
