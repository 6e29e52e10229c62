"""Queries in folders of their classes, and classes with unequal numbers of examples."""

import json
import pathlib
import shutil

import pytest

from oneshot_tf import models
from oneshot_tf.commands import predict
from oneshot_tf.errors import UserError
from oneshot_tf.runs import exporting
from tests.commands.test_predict import draw
from tests.serving.exports import SIZE, WAY, make_run

PRETRAINED = pathlib.Path(__file__).resolve().parents[2] / "pretrained"
# the scale is large, so that the same picture is the nearest by far
MATCHING = (
    "--model=matching", "--dataset=folder", f"--image_size={SIZE}", f"--way={WAY}", "--shot=2",
    "--filters=4", "--blocks=1", "--scale=1000",
)  # fmt: skip


@pytest.fixture(scope="module")
def export(tmp_path_factory, make_dataset):
    """An export that adds up, under `export/1`."""
    workdir = tmp_path_factory.mktemp("run")
    make_run(workdir, make_dataset([3] * 8), small=MATCHING)
    return exporting.export(workdir)


@pytest.fixture
def pictures(tmp_path):
    """support/<class>/*.png, two of each; asked/<class>/*.png, 1, 2 and 3 drawn as the examples are."""
    for c, name in enumerate(["a", "b c", "é"]):
        for k in range(2):
            draw(tmp_path / "support" / name / f"{k}.png", 10 * c + k)
        for k in range(1 + c):
            draw(tmp_path / "asked" / name / f"{k}.png", 10 * c + k % 2)
    (tmp_path / "asked" / "Thumbs.db").write_bytes(b"junk")
    (tmp_path / "asked" / "nothing in it").mkdir()
    return tmp_path


def ask(export, pictures, *words, query="asked"):
    flags = {"export": export, "support": pictures / "support", "query": pictures / query}
    assert predict.main(["predict", *(f"--{n}={v}" for n, v in flags.items()), *words]) == 0


def refused(export, pictures, **changes):
    """The one line that says why."""
    flags = {"support": pictures / "support", "query": pictures / "asked", **changes}
    with pytest.raises(UserError) as error:
        predict.main(["predict", f"--export={export}", *(f"--{n}={v}" for n, v in flags.items())])
    assert "\n" not in str(error.value)
    return str(error.value)


def test_right_answers_are_counted(export, pictures, capsys):
    draw(pictures / "asked" / "a" / "of b c.png", 10)  # a picture of the examples of another class
    ask(export, pictures)
    output, errors = capsys.readouterr()
    lines = output.splitlines()
    assert lines[0].split() == ["file", "class", "probability", "runner-up"] and lines[8] == ""
    asked = sorted((pictures / "asked").glob("*/*.png"))
    for path, line in zip(asked, lines[1:8], strict=True):
        assert line.startswith(f"{path} ")
    assert lines[9:] == [
        "right    6 of 7 (85.7 %)",
        "  a      1 of 2 (50.0 %)",
        "  b c    2 of 2 (100.0 %)",
        "  é      3 of 3 (100.0 %)",
    ]
    assert errors == ""  # as many examples of each class


def test_counts_of_json_stand_beside_the_answers(export, pictures, capsys):
    ask(export, pictures, "--json")
    found = json.loads(capsys.readouterr().out)
    assert len(found["answers"]) == found["asked"] == found["right"] == 6
    assert found["classes"]["é"] == {"right": 3, "asked": 3}
    ask(export, pictures, "--json", query="asked/é")
    assert json.loads(capsys.readouterr().out) == found["answers"][3:]  # plain queries: a list


def test_pictures_beside_folders_are_plain_queries(export, pictures, capsys):
    draw(pictures / "asked" / "0.png", 0)
    ask(export, pictures, "--json")
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["file"].endswith("asked/0.png")


def test_classes_without_examples_are_named(export, pictures):
    draw(pictures / "asked" / "other" / "0.png", 1)
    draw(pictures / "asked" / "more" / "0.png", 1)
    said = refused(export, pictures)
    assert "no examples: 'more', 'other'; the examples are of 'a', 'b c', 'é'" in said


def test_an_example_is_no_test(export, pictures):
    said = refused(export, pictures, query=pictures / "support")
    assert "6 in both" in said and str(pathlib.Path("support", "a", "0.png")) in said
    (pictures / "asked" / "a" / "1.png").symlink_to(pictures / "support" / "a" / "1.png")
    assert "1 in both" in refused(export, pictures)


def test_empty_folders_are_no_queries(export, pictures):
    shutil.rmtree(pictures / "asked")
    (pictures / "asked" / "a").mkdir(parents=True)
    assert "no file" in refused(export, pictures)


def test_unequal_numbers_of_examples(export, pictures, capsys):
    draw(pictures / "support" / "a" / "2.png", 3)
    ask(export, pictures, "--json")
    output, errors = capsys.readouterr()
    json.loads(output)
    assert errors.count("\n") == 1 and "2 to 3 examples" in errors
    assert "give every class as many" in errors
    card = (pathlib.Path(export) / "model_card.md").read_text()
    assert "give every class as many" in card.partition("## Limits")[2]


def test_a_model_that_does_not_add_up_has_no_need_to(capsys):
    unequal = {"a": ["0.png"], "b": ["0.png", "1.png"]}
    predict.warn_of_unequal(unequal, {"model": "matching", "adds_up": False})
    assert capsys.readouterr().err == ""


def test_exports_made_before_are_known_by_their_model():
    found = {}
    for path in sorted(PRETRAINED.glob("*/1/export.json")):
        fields = json.loads(path.read_text())
        found[fields["model"]] = predict.adds_up(fields)
    assert {name for name, adds_up in found.items() if adds_up} == {"matching", "mmnet"}
    assert "prototypical" in found and "flmn" in found
    assert not predict.adds_up({"model": "gone"}) and "gone" not in models.MODELS
    assert not predict.adds_up({"model": "matching", "finetune": {"match": "softmax"}})
