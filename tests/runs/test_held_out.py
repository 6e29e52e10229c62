"""Which pictures a trained model is tested on."""

import json
import shutil
from types import SimpleNamespace

import pytest

from oneshot_tf.commands import eval as eval_command
from oneshot_tf.commands import flags
from oneshot_tf.commands import train as train_command
from oneshot_tf.data import splits
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions, TrainOptions
from oneshot_tf.runs import held_out
from oneshot_tf.test_options import TestOptions
from tests.commands.test_train import one_line, pictures, run  # noqa: F401


def options(trained_on, *words):
    config = SimpleNamespace(data=trained_on)
    test = flags.parse(["eval", *words], {}, [TestOptions]).options(TestOptions)
    return held_out.data_options(config, test)


def test_the_runs_own_data_is_read_as_in_training():
    own = DataOptions(dataset="imagenet", read="files", skip_damaged=True, split="dogs")
    assert options(own) == own
    assert options(own, "--split=rand", "--read=memory").split == "rand"


def test_another_data_set_is_read_as_its_own_defaults_say():
    files = DataOptions(dataset="imagenet", read="files", skip_damaged=True, split="dogs")
    found = options(files, "--dataset=omniglot")
    assert (found.read, found.skip_damaged, found.split) == ("memory", False, None)
    assert options(files, "--dataset=lfw", "--read=files").read == "files"
    faces = options(DataOptions(dataset="omniglot", image_size=42), "--dataset=lfw")
    assert (faces.min_images, faces.centre_crop, faces.ink) == (5, 126, "dark")
    assert faces.mirrored_copies == "horizontal" and faces.image_size == 42
    back = options(faces, "--dataset=omniglot")
    assert type(back) is DataOptions and back.ink == "auto"


def test_a_folder_of_classes_is_no_folder_of_data_sets():
    assert options(DataOptions(dataset="folder", data_dir="my"), "--dataset=mnist").data_dir is None
    assert options(DataOptions(data_dir="all"), "--dataset=folder").data_dir is None
    assert options(DataOptions(data_dir="all"), "--dataset=mnist").data_dir == "all"
    assert options(DataOptions(), "--dataset=folder", "--data_dir=my").data_dir == "my"


def test_mirrored_copies_are_of_faces():
    with pytest.raises(
        UserError, match="--mirrored_copies is not a flag of omniglot; it belongs to lfw"
    ):
        options(DataOptions(dataset="omniglot"), "--mirrored_copies=none")


def test_classes_that_came_later_are_refused(pictures, tmp_path):  # noqa: F811
    """With one class more, the same seed draws other test classes, some of them trained on."""
    data, workdir = tmp_path / "data", tmp_path / "run"
    shutil.copytree(pictures, data)
    words = ["--model=pixels", "--dataset=folder", f"--data_dir={data}", "--image_size=8"]
    words += ["--way=2", "--shot=1", "--queries=1", f"--workdir={workdir}"]
    code, _, errors = run(train_command.main, *words)
    assert code == 0, errors
    words = [f"--workdir={workdir}", "--way=2", "--shot=1", "--eval_episodes=10"]
    words += ["--eval_queries=1"]
    assert run(eval_command.main, *words)[0] == 0
    shutil.copytree(data / "class0", data / "class10")
    code, _, errors = run(eval_command.main, *words)
    assert code == 1 and "must have the 10 classes" in one_line(errors)
    assert "Received: 11" in errors
    code, _, errors = run(eval_command.main, *words, "--split=random")
    assert code == 1 and "of another test (split differ)" in one_line(errors)
    (workdir / "evaluation").rename(tmp_path / "before")
    code, _, errors = run(eval_command.main, *words, "--split=random")
    assert code == 0, errors


def config_of(trained_on, **train):
    return SimpleNamespace(data=trained_on, train=TrainOptions(**train))


def test_classes_of_a_test_that_trained_are_counted():
    named, mini = splits.stored("vinyals"), splits.stored("ravi", "mini_imagenet")
    everything = (*named.train, *named.validation, *named.test)
    own = config_of(DataOptions(dataset="omniglot", split="vinyals"))
    found = held_out.trained_on(own, named.describe(), "omniglot", everything)
    assert found == set(named.train)
    both = config_of(DataOptions(dataset="omniglot"), train_on_validation=True)
    found = held_out.trained_on(both, named.describe(), "omniglot", everything)
    assert found == {*named.train, *named.validation}
    assert len(found.intersection(splits.stored("characters").test)) == 306
    assert held_out.trained_on(both, named.describe(), "mnist", ("0", "1")) == found
    # synsets have one name in all of ImageNet's relatives
    tiny, before = DataOptions(dataset="tiny_imagenet"), splits.stored("tiny", "tiny_imagenet")
    found = held_out.trained_on(config_of(tiny), before.describe(), "mini_imagenet", ())
    assert found.intersection((*mini.train, *mini.validation, *mini.test))
    # a drawn split is known of the run's own classes, and of no others
    drawn = config_of(DataOptions(dataset="folder", split_seed=3))
    names = tuple("abcdefghij")
    split = splits.shuffled(names, 3)
    assert held_out.trained_on(drawn, split.describe(), "folder", names) == set(split.train)
    assert held_out.trained_on(drawn, split.describe(), "folder", (*names, "k")) == set()
    assert held_out.trained_on(drawn, split.describe(), "mnist", ("0",)) == set()


def test_a_test_of_classes_that_trained_says_so(pictures, tmp_path):  # noqa: F811
    workdir = tmp_path / "run"
    words = ["--model=pixels", "--dataset=folder", f"--data_dir={pictures}", "--image_size=8"]
    words += ["--way=2", "--shot=1", "--queries=1", f"--workdir={workdir}", "--train_on_validation"]
    assert run(train_command.main, *words)[0] == 0
    words = [f"--workdir={workdir}", "--way=2", "--shot=1", "--eval_episodes=10"]
    code, output, errors = run(eval_command.main, *words, "--eval_queries=1", "--part=validation")
    assert code == 0 and "2 of these classes were trained on" in output, errors
    (path,) = (workdir / "evaluation").glob("*.json")
    assert json.loads(path.read_text())["split"]["trained_classes"] == 2
    code, output, errors = run(eval_command.main, *words, "--eval_queries=1")
    assert code == 0 and "trained on" not in output, errors
    # of another data set, all classes would be tested under the name of validation
    words += ["--eval_queries=1", "--dataset=glyphs", "--part=validation"]
    code, _, errors = run(eval_command.main, *words)
    assert code == 1 and "--part=validation needs a split of glyphs" in one_line(errors)
    code, _, errors = run(eval_command.main, *words, "--split=random")
    assert code == 0, errors


OWN = {"train": [f"class{c}" for c in range(6)], "validation": [], "test": ["class7", "class8"]}
ASKED = ["--way=2", "--shot=1", "--eval_episodes=10", "--eval_queries=1"]


def train_on(folder, workdir, *words):
    words = ["--model=pixels", "--dataset=folder", f"--data_dir={folder}", *words]
    words += ["--image_size=8", "--way=2", "--shot=1", "--queries=1", f"--workdir={workdir}"]
    return run(train_command.main, *words)


def records_of(workdir):
    return {p.stem: json.loads(p.read_text()) for p in (workdir / "evaluation").glob("*.json")}


def test_a_run_on_a_split_of_ones_own(pictures, tmp_path):  # noqa: F811
    workdir, path = tmp_path / "run", tmp_path / "mine.json"
    path.write_text(json.dumps(OWN))
    code, output, errors = train_on(pictures, workdir, f"--split={path}")
    assert code == 0 and "Nothing validates: 0 validation classes" in output, errors
    stored = json.loads((workdir / "config.json").read_text())
    assert stored["data"]["split"] == str(path)
    assert (stored["split"]["name"], stored["split"]["classes"]) == ("mine", [6, 0, 2])
    assert train_on(pictures, workdir, f"--split={path}")[0] == 0  # it is resumed
    words = [f"--workdir={workdir}", *ASKED]
    assert run(eval_command.main, *words)[0] == 0
    (record,) = records_of(workdir).values()
    assert record["split"] == {**stored["split"], "file": "mine.json"}
    code, _, errors = run(eval_command.main, *words, "--part=validation")
    assert code == 1 and "the split mine, which has none" in one_line(errors)


def test_a_split_of_ones_own_that_was_changed_or_moved(pictures, tmp_path):  # noqa: F811
    workdir, path = tmp_path / "run", tmp_path / "mine.json"
    path.write_text(json.dumps(OWN))
    assert train_on(pictures, workdir, f"--split={path}")[0] == 0
    path.write_text(json.dumps({**OWN, "test": ["class8", "class9"]}))
    code, _, errors = train_on(pictures, workdir, f"--split={path}")
    assert code == 1 and "these differ: split" in one_line(errors)
    words = [f"--workdir={workdir}", *ASKED]
    for more in ([], [f"--split={path}"], ["--split=random"]):
        code, _, errors = run(eval_command.main, *words, *more)
        assert code == 1 and "a file that was changed since; restore it" in one_line(errors)
    moved = tmp_path / "moved.json"
    path.unlink()
    code, _, errors = run(eval_command.main, *words)
    assert code == 1 and "nothing of that name" in one_line(errors)
    moved.write_text(json.dumps(OWN))
    code, output, errors = run(eval_command.main, *words, f"--split={moved}")
    assert code == 0 and "trained on" not in output, errors


def test_all_classes_of_another_folder(pictures, tmp_path):  # noqa: F811
    workdir, other = tmp_path / "run", tmp_path / "other"
    assert train_on(pictures, workdir)[0] == 0
    for c in range(4):  # too few to split
        shutil.copytree(pictures / f"class{c}", other / f"class{c}")
    words = [f"--workdir={workdir}", "--dataset=folder", *ASKED]
    assert run(eval_command.main, *words)[0] == 0
    code, _, errors = run(eval_command.main, *words, f"--data_dir={other}")
    assert code == 1 and "needs at least 6 classes" in one_line(errors)
    words += ["--split=all"]
    code, output, errors = run(eval_command.main, *words, f"--data_dir={other}")
    assert code == 0 and "trained on" not in output, errors  # another folder: nothing can be said
    (found,) = [r["split"] for name, r in records_of(workdir).items() if "-all" in name]
    assert (found["name"], found["classes"]) == ("all", [0, 0, 4])
    code, _, errors = run(eval_command.main, *words, "--part=validation")
    assert code == 1 and "--part=validation needs a split of folder" in one_line(errors)
    (workdir / "evaluation").rename(tmp_path / "before")
    code, output, errors = run(eval_command.main, *words)  # the run's own
    assert code == 0 and "6 of these classes were trained on" in output, errors


def test_classes_that_a_split_of_ones_own_trained_are_counted(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"train": ["a", "b"], "validation": ["c"], "test": ["d", "e"]}))
    split = splits.of_file(path)
    config = config_of(DataOptions(dataset="folder", split=str(path)))
    before = split.describe()
    assert held_out.trained_on(config, before, "folder", tuple("abcdef")) == {"a", "b"}
    assert held_out.trained_on(config, before, "folder", tuple("abcd")) == set()
    assert held_out.trained_on(config, before, "mnist", tuple("abcde")) == set()
