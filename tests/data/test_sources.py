"""The table of data sets, and what each says of itself."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import pytest

from oneshot_tf import data
from oneshot_tf.commands import configs
from oneshot_tf.data import lfw, ptb
from oneshot_tf.errors import UserError
from oneshot_tf.models.flmn import FLMNOptions
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions
from oneshot_tf.runs import held_out, workdirs
from oneshot_tf.test_options import TestOptions

ROOT = pathlib.Path(__file__).resolve().parents[2]
# what every stored config said before these were options of one data set each
GENERAL_ONCE = {"centre_crop": 0, "min_images": 1, "mirrored_copies": "none", "max_sentences": 500}
MODULE = """
import dataclasses
import numpy as np
from oneshot_tf.data.dataset import from_classes
from oneshot_tf.data.sources import DataSource
from oneshot_tf.options import option
from oneshot_tf.run_config import DataOptions

@dataclasses.dataclass(frozen=True)
class StripesOptions(DataOptions):
    stripes: int = option(6, "how many classes of stripes", low=6)

def load(data_dir, options):
    size, found = options.image_size, {}
    for width in range(1, options.stripes + 1):
        rows = np.where(np.arange(size) // width % 2, 255, 0).astype(np.uint8)
        found[f"stripes{width}"] = np.tile(rows[:, None, None], (3, 1, size, options.channels))
    return from_classes("stripes", found)

SOURCE = DataSource(load, "nobody's", StripesOptions, defaults={"image_size": 16})
"""


@pytest.fixture
def stripes(tmp_path, monkeypatch):
    """A data set of one file and one line in the table."""
    (tmp_path / "stripes_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(data.DATASETS, "stripes", "stripes_module:SOURCE")
    yield
    sys.modules.pop("stripes_module", None)


def config_of(*words):
    return configs.make_config(configs.parse(["train.py", "--model=pixels", *words]))


@pytest.mark.parametrize("name", data.DATASETS)
def test_a_data_set_says_all_that_is_asked_of_it(name):
    source = data.find(name)
    assert callable(source.load) and source.licence and "\n" not in source.licence
    assert issubclass(source.Options, DataOptions)
    chosen = source.Options(**{"dataset": name, **source.defaults})
    assert data.changed(chosen) == chosen
    folder = ROOT / "oneshot_tf" / "data" / "split_files"
    for split in source.splits:
        assert (folder / f"{name}_{split}.json").is_file()


def test_a_new_data_set_is_one_file_and_one_line(stripes, capsys):
    config = config_of("--dataset=stripes", "--stripes=7")
    assert dataclasses.asdict(config.data)["stripes"] == 7 and config.data.image_size == 16
    dataset = data.load(config.data)
    assert dataset.num_classes == 7 and dataset.images.shape == (21, 16, 16, 1)
    assert data.load(DataOptions(dataset="stripes", image_size=8)).num_classes == 6
    fields = json.loads(json.dumps(config.to_json()))
    again = RunConfig.from_json(fields, type(config.options), type(config.data))
    assert again == config
    with pytest.raises(UserError, match="--stripes is not a flag of glyphs; it belongs to stripes"):
        config_of("--dataset=glyphs", "--stripes=7")
    with pytest.raises(UserError, match="--stripes must be at least 6. Received: 2"):
        config_of("--dataset=stripes", "--stripes=2")
    with pytest.raises(SystemExit):
        configs.parse(["train.py", "--dataset=stripes", "--help"])
    text = capsys.readouterr().out
    assert "--stripes: how many classes of stripes (default: 6)" in text
    assert "--image_size: height and width of a picture in pixels (default: 16)" in text


def help_of(capsys, *words):
    with pytest.raises(SystemExit):
        configs.parse(["train.py", "--help", *words])
    return capsys.readouterr().out


def test_help_lists_the_flags_of_the_named_data_set_alone(capsys):
    general = help_of(capsys)
    assert f"--dataset: one of {', '.join(data.DATASETS)}" in general
    assert "--min_images" not in general and "--max_sentences" not in general
    faces = help_of(capsys, "--dataset=lfw")
    assert "--dataset=lfw:\n  --centre_crop:" in faces and "--max_sentences" not in faces
    assert "  its values of --split: tseran, random, FILE.json" in faces
    assert faces.count("--image_size:") == 1 and "(default: 84)" in faces
    assert "--dataset=mnist:\n  no flags of its own" in help_of(capsys, "--dataset=mnist")


@pytest.mark.parametrize(
    "words, message",
    [
        (["--min_images=3"], "--min_images is not a flag of omniglot; it belongs to lfw"),
        (["--dataset=ptb", "--centre_crop=3"], "--centre_crop is not a flag of ptb; it belongs to"),
        (["--dataset=lfw", "--max_sentences=3"], "not a flag of lfw; it belongs to ptb"),
        (["--dataset=faces"], "--dataset must be one of omniglot, .* Received: faces"),
    ],
)
def test_another_data_sets_flag_names_the_data_sets_that_have_it(words, message):
    with pytest.raises(UserError, match=message):
        config_of(*words)


def test_a_models_own_data_set_counts_where_none_is_named():
    parsed = configs.parse(["train.py", "--model=lstm_lm", "--max_sentences=9"])
    assert configs.make_config(parsed).data.max_sentences == 9


def test_defaults_of_a_data_set_come_before_the_models():
    faces = config_of("--dataset=lfw").data
    assert type(faces) is lfw.LFWOptions
    assert (faces.centre_crop, faces.min_images, faces.mirrored_copies) == (126, 5, "horizontal")
    assert (faces.image_size, faces.ink, faces.rotations) == (84, "dark", False)
    assert config_of("--dataset=lfw", "--image_size=20", "--min_images=2").data.min_images == 2


def test_changed_keeps_what_both_data_sets_have():
    faces = lfw.LFWOptions(image_size=42, min_images=3, split="random")
    digits = data.changed(faces, dataset="mnist")
    assert digits == DataOptions(dataset="mnist", image_size=42, split="random")
    assert data.changed(faces, min_images=4) == dataclasses.replace(faces, min_images=4)
    back = data.changed(digits, dataset="lfw", mirrored_copies="none")
    assert back == lfw.LFWOptions(image_size=42, split="random", mirrored_copies="none")
    words = data.changed(faces, dataset="ptb")
    assert type(words) is ptb.PTBOptions and words.max_sentences == 500
    with pytest.raises(UserError, match="--min_images is not a flag of mnist; it belongs to lfw"):
        data.changed(digits, min_images=3)
    with pytest.raises(UserError, match="--colour is not a flag of mnist; leave it out"):
        data.changed(digits, colour=3)


def stored(**fields):
    """A workdir's config as it was written when all data sets had all options."""
    config = RunConfig("old", "flmn", DataOptions(), TrainOptions(), FLMNOptions())
    found = json.loads(json.dumps(config.to_json()))
    found["data"] = {**found["data"], **GENERAL_ONCE, **fields}
    found["split"] = {"name": "random-0", "classes": [64, 16, 20], "sha256": "0"}
    found["pictures_sha256"] = "0"
    return found


@pytest.fixture
def workdir(tmp_path):
    def make(**fields):
        (tmp_path / "config.json").write_text(json.dumps(stored(**fields)))
        return tmp_path

    return make


def test_older_configs_load_with_what_other_data_sets_had(workdir):
    config = workdirs.read_config(workdir())
    assert config.data == DataOptions()
    config = workdirs.read_config(workdir(centre_crop=9, dataset="glyphs"))
    assert config.data == DataOptions(dataset="glyphs")
    with pytest.raises(UserError, match=r"config\.json .*has no option colour"):
        workdirs.read_config(workdir(colour=3))
    with pytest.raises(UserError, match="LFWOptions has no option sentences"):
        workdirs.read_config(workdir(dataset="lfw", sentences=3))


def test_older_configs_of_faces_and_sentences_mean_the_same(workdir):
    config = workdirs.read_config(workdir(dataset="lfw", min_images=3))
    assert config.data == lfw.LFWOptions(min_images=3, centre_crop=0, mirrored_copies="none")
    assert workdirs.read_config(workdir(dataset="ptb", max_sentences=7)).data.max_sentences == 7
    # one that was written before there was the option
    fields = stored(dataset="lfw")
    del fields["data"]["centre_crop"], fields["data"]["mirrored_copies"]
    config = RunConfig.from_json(fields, FLMNOptions, lfw.LFWOptions)
    assert (config.data.centre_crop, config.data.mirrored_copies) == (0, "none")


@pytest.mark.parametrize("dataset", ["omniglot", "lfw", "ptb"])
def test_an_older_workdir_is_of_the_same_run(dataset):
    before = {**stored(dataset=dataset), "split": {}, "pictures_sha256": ""}
    config = RunConfig.from_json(stored(dataset=dataset), FLMNOptions, data.find(dataset).Options)
    now = {**config.to_json(), "split": {}, "pictures_sha256": ""}
    assert (
        set(now["data"]) & set(GENERAL_ONCE)
        == {
            "omniglot": set(),
            "lfw": {"centre_crop", "min_images", "mirrored_copies"},
            "ptb": {"max_sentences"},
        }[dataset]
    )
    assert workdirs.differences(before, now) == []
    if dataset == "lfw":
        now["data"]["min_images"] = 3
        assert workdirs.differences(before, now) == ["--min_images (then 1, now 3)"]


def test_a_test_on_another_data_set_reads_it_with_its_own_options():
    config = RunConfig("n", "flmn", DataOptions(), TrainOptions(), FLMNOptions())
    test = TestOptions(dataset="lfw", mirrored_copies="vertical")
    found = held_out.data_options(config, test)
    assert found.mirrored_copies == "vertical" and found.min_images == 5 and found.ink == "dark"


def test_data_sets_and_their_help_do_not_start_tensorflow():
    program = (
        "import sys; from oneshot_tf import data; "
        "assert not any(f'oneshot_tf.data.{n}' in sys.modules for n in ('lfw', 'ptb', 'glyphs')); "
        "from oneshot_tf.run_config import DataOptions; from oneshot_tf.commands import flags\n"
        "try: flags.parse(['x', '--dataset=lfw', '--help'], {}, [DataOptions], datasets=data.every)\n"
        "except SystemExit: pass\n"
        "assert 'oneshot_tf.data.lfw' in sys.modules and 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--min_images" in done.stdout
