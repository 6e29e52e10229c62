"""Which version of a model answers, and how a new one takes its place."""

import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.serving import repository
from oneshot_tf.serving.rest_values import RequestError


@pytest.fixture
def export(served):
    return served.export("matching").path


@pytest.fixture
def parent(export, tmp_path):
    """A folder with version 1."""
    shutil.copytree(export, tmp_path / "matching" / "1")
    return tmp_path / "matching"


def states(model):
    return [(found["version"], found["state"]) for found in model.status()]


def test_a_new_version_takes_over(parent, export):
    model = repository.Served("m", parent)
    first = model.version()
    assert first.number == 1 and model.refresh() == []
    (parent / "2").mkdir()  # being copied
    (parent / "2" / "saved_model.pb").write_bytes(b"")
    assert model.refresh() == [] and model.version() is first
    shutil.rmtree(parent / "2")
    shutil.copytree(export, parent / "10")
    assert model.refresh() == ["m: version 10 takes the place of 1"]
    assert model.version().number == 10 and model.version(10) is model.version()
    assert states(model) == [("10", "AVAILABLE"), ("1", "END")]
    with pytest.raises(RequestError, match=r"Specific\(m, 1\)"):
        model.version(1)
    found = first.functions["embed"](images=tf.zeros([1, 8, 8, 1]))  # a request on its way
    np.testing.assert_array_equal(
        found["embeddings"], model.version().functions["embed"](images=tf.zeros([1, 8, 8, 1]))["embeddings"]
    )  # fmt: skip
    shutil.rmtree(parent / "10")
    assert model.refresh() == ["m: version 1 takes the place of 10"]
    shutil.rmtree(parent / "1")
    assert model.refresh() == [] and model.version().number == 1


def test_a_broken_version_is_passed_over(parent, export):
    model = repository.Served("m", parent)
    shutil.copytree(export, parent / "2")
    (parent / "2" / "saved_model.pb").write_bytes(b"broken")
    (line,) = model.refresh()
    assert "version 2 cannot be loaded" in line and "version 1 goes on" in line
    assert model.refresh() == []
    assert states(model) == [("2", "END"), ("1", "AVAILABLE")]
    assert model.status(2)[0]["status"]["error_code"] == "UNKNOWN"
    with pytest.raises(RequestError, match="version 3"):
        model.status(3)


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_a_version_that_is_half_copied_is_tried_again_when_it_is_whole(parent, export, kept):
    model = repository.Served("m", parent)
    shutil.copytree(export, parent / "2")
    (weights,) = (parent / "2" / "variables").glob("variables.data-*")
    whole = weights.read_bytes()
    weights.write_bytes(whole[: int(kept * len(whole))])
    (line,) = model.refresh()
    assert "version 2 cannot be loaded" in line
    assert model.refresh() == []
    weights.write_bytes(whole)
    assert model.refresh() == ["m: version 2 takes the place of 1"]
    assert states(model) == [("2", "AVAILABLE"), ("1", "END")]


def test_an_export_itself_stays(export, parent):
    model = repository.Served("m", parent / "1")
    shutil.copytree(export, parent / "2")
    assert model.refresh() == [] and model.version().number == 1


def test_what_cannot_be_served(parent, tmp_path):
    with pytest.raises(UserError, match="folder of an exported model"):
        repository.Served("m", tmp_path / "nowhere")
    (parent / "1" / "saved_model.pb").write_bytes(b"broken")
    with pytest.raises(UserError, match="cannot be loaded"):
        repository.Served("m", parent)


def test_names(tmp_path):
    folders = [tmp_path / "flmn" / "export" / "1", tmp_path / "mann" / "3", tmp_path / "plain"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(b"")
    words = [str(tmp_path / "flmn"), str(tmp_path / "mann"), f"own={tmp_path / 'plain'}"]
    found = repository.named(words)
    assert list(found) == ["flmn", "mann", "own"]
    assert pathlib.Path(found["own"]) == tmp_path / "plain"
    assert list(repository.named([str(tmp_path / "plain"), str(folders[0])])) == ["plain", "flmn"]
    with pytest.raises(UserError, match="two models of the name flmn"):
        repository.named([str(tmp_path / "flmn"), f"flmn={folders[1]}"])
    with pytest.raises(UserError, match="without / and :"):
        repository.named([f"a/b={folders[1]}"])


def test_one_that_is_served_elsewhere(tmp_path):
    root = pathlib.Path(__file__).parents[2] / "pretrained" / "flmn_omniglot_1"
    model = repository.Described("flmn", root)
    assert model.fields["model"] == "flmn" and model.refresh() == []
    assert repository.card(model).startswith("# flmn_omniglot_1")
    with pytest.raises(RequestError, match="elsewhere"):
        model.version()
