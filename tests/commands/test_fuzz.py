"""Foreign text that commands read: records, configs, cards of exports, flag files."""

import json
import pathlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from oneshot_tf.commands import configs
from oneshot_tf.evaluation import tables
from oneshot_tf.runs import workdirs
from oneshot_tf.serving import model
from tests.foreign_bytes import changed_json, damaged, many, read
from tests.runs.test_experiment import config_of

ROOT = pathlib.Path(__file__).parents[2]
RECORDS = [
    json.loads((ROOT / "results" / f"{name}.json").read_text())
    for name in ("flmn_omniglot_1-seed0", "classifier_ptb_near-seed0-5w1s_5w2s_5w3s")
]
FLAGS = [
    (ROOT / "configs" / f"{name}.flags").read_bytes()
    for name in ("mann_1head_omniglot_2", "mmnet_omniglot", "gaussian_memory_lfw")
]
for record in RECORDS:  # a few episodes say all
    if "right" in record:
        record["right"] = {key: counts[:9] for key, counts in record["right"].items()}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("folder")


def text_or_damage(value):
    """A structure with changes as JSON, or its text with damage."""
    whole = json.dumps(value).encode()
    return st.one_of(changed_json(value).map(lambda v: json.dumps(v).encode()), damaged([whole]))


@many
@given(content=st.one_of(*map(text_or_damage, RECORDS)))
def test_records(folder, content):
    (folder / "a.json").write_bytes(content)
    read(lambda: tables.text(tables.read_records(folder)))


@many
@given(
    content=text_or_damage(
        {
            **config_of().to_json(),
            "split": {"name": "random", "classes": [4, 2, 2], "sha256": "0"},
            "pictures_sha256": "0",
        }
    )
)
def test_configs_of_runs(folder, content):
    (folder / "config.json").write_bytes(content)
    found = read(workdirs.read_config, folder)
    assert found is None or found.train.episodes > 0


@many
@given(
    content=text_or_damage(
        {"model": "flmn", "signatures": ["classify"], "way": 5, "image_size": 20, "channels": 1}
    )
)
def test_what_exports_say_of_themselves(folder, content):
    (folder / "export.json").write_bytes(content)
    read(model.read_fields, folder)


@many
@given(content=damaged(FLAGS))
def test_flag_files(folder, content):
    (folder / "a.flags").write_bytes(content)
    words = ["train.py", f"--flagfile={folder / 'a.flags'}"]
    try:
        read(lambda: configs.make_config(configs.parse(words)))
    except SystemExit as stopped:  # --help, and the like
        assert stopped.code in (0, 1)
