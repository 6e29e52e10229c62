"""Flag files: found from everywhere, in a checkout and in an installed package."""

import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

from oneshot_tf.commands import configs
from oneshot_tf.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_folder_is_that_of_the_checkout_or_inside_the_package(tmp_path):
    assert configs.CONFIGS == ROOT / "configs"
    package = tmp_path / "oneshot_tf"
    assert configs.find_folder(package) == tmp_path / "configs"
    (package / "configs").mkdir(parents=True)
    assert configs.find_folder(package) == package / "configs"


@pytest.mark.parametrize("word", ["configs/flmn_omniglot_2.flags", "flmn_omniglot_2.flags"])
def test_a_kept_file_is_found_from_every_folder(word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argv = ["train.py", f"--flagfile={word}", "--seed=3"]
    config = configs.make_config(configs.parse(argv), configs.config_name(argv))
    assert (config.name, config.train.seed, config.data.augment_size) == ("flmn_omniglot_2", 3, 42)
    assert config.data.split == "flmn"  # of the file that this file names
    assert (config.paper_row, config.paper_config) == ("flmn_omniglot_2", "flmn_omniglot_2_paper")


def test_a_file_of_ones_own_goes_before_a_kept_one_and_says_its_row_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "matching_omniglot.flags").write_text(
        "# mine\n// too\n\n--model=matching\n--way=7\n"
    )
    config = configs.make_config(configs.parse(["train.py", "--flagfile=matching_omniglot.flags"]))
    assert (config.train.way, config.paper_row, config.paper_config) == (7, None, None)


@pytest.mark.parametrize(
    "content, said",
    [
        (
            b"--paper_row=matching_omniglt",
            "no row of a paper matching_omniglt .did you mean matching",
        ),
        (b"--paper_config=nothing", "no config nothing"),
        (b"--flagfile=mine.flags", "names itself"),
        (b"\xff\xfe", "cannot be read as text"),
        (b"--flagfile=nowhere.flags", "nowhere.flags"),
    ],
)
def test_mistakes_are_one_line(content, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.flags").write_bytes(b"--model=matching\n" + content)
    with pytest.raises(UserError, match=said) as caught:
        configs.make_config(configs.parse(["train.py", "--flagfile=mine.flags"]))
    assert "\n" not in str(caught.value)


def test_every_config_is_named_and_there_is_no_other():
    assert "flmn_omniglot_1_paper" in configs.names() and len(configs.names()) > 70
    assert configs.named("matching_omniglot").train.episodes == 11_000
    with pytest.raises(UserError, match="no config matching_omnigloth .did you mean"):
        configs.named("matching_omnigloth")


def test_tables_are_of_configs_and_have_all_that_have_records():
    named = [config for table in configs.tables().values() for config in table]
    assert set(named) <= set(configs.names())
    stems = {path.name.partition("-seed")[0] for path in (ROOT / "results").glob("*.json")}
    assert stems <= set(named)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The package as pip builds it, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "oneshot_tf", "configs"):
        (source / name).symlink_to(ROOT / name)
    words = [
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "-w",
        str(folder),
        str(source),
    ]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    done = subprocess.run(pip, capture_output=True, text=True, cwd=folder)
    if "No module named" in done.stderr and "wheel" in done.stderr:
        pytest.skip("pip has nothing to build a wheel with")
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_an_installed_package_has_all_files_of_the_checkout(wheel):
    for folder, inside in (("oneshot_tf", ""), ("configs", "configs")):
        kept = [
            p for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts
        ]
        missing = [
            p
            for p in kept
            if not (wheel / "oneshot_tf" / inside / p.relative_to(ROOT / folder)).is_file()
        ]
        assert kept and not missing
    assert sorted(p.name for p in wheel.iterdir() if "dist-info" not in p.name) == ["oneshot_tf"]


@pytest.mark.slow  # installs a wheel; its content has a quick test
def test_an_installed_package_finds_its_configs(wheel, tmp_path):
    code = (
        "from oneshot_tf.commands import configs\n"
        "argv = ['train', '--flagfile=configs/flmn_omniglot_2.flags']\n"
        "config = configs.make_config(configs.parse(argv), configs.config_name(argv))\n"
        "print(configs.CONFIGS, configs.paper_config(config).name, len(configs.tables()) > 3)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(wheel)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    place = wheel / "oneshot_tf" / "configs"
    assert done.stdout.split() == [str(place), "flmn_omniglot_2_paper", "True"]


def test_a_flag_file_behind_a_space_is_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = []
    for words in (
        ["--flagfile=configs/flmn_omniglot_2.flags"],
        ["--flagfile", "flmn_omniglot_2.flags"],
    ):
        argv = ["train.py", *words, "--seed=3"]
        made.append(configs.make_config(configs.parse(argv), configs.config_name(argv)))
    assert made[0] == made[1] and made[0].name == "flmn_omniglot_2" and made[0].train.seed == 3
