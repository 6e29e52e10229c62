"""The second family as a user runs it: train, resume, test, fine-tune, export, predict."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from oneshot_tf.commands import eval as eval_command
from oneshot_tf.commands import prepare
from oneshot_tf.commands import train as train_command
from oneshot_tf.errors import UserError
from oneshot_tf.runs import experiment, exporting, plans
from tests.commands.test_train import one_line, run

SMALL = ["--image_size=8", "--way=3", "--filters=4", "--blocks=2", "--validation_episodes=20"]
SMALL += ["--shot=1:2", "--queries=1", "--episodes=8", "--batch_size=2", "--norotations"]
SMALL += ["--notest_rotations"]
TEST = ["--way=2", "--shot=1", "--eval_queries=2", "--eval_episodes=20"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """20 classes x 5 colour pictures of 10 x 10, each class a colour with noise."""
    folder, numbers = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for c in range(20):
        (folder / f"class{c:02d}").mkdir()
        colour = numbers.integers(0, 200, 3)
        for i in range(5):
            pixels = (colour + numbers.integers(0, 50, (10, 10, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"class{c:02d}" / f"{i}.png")
    return folder


def train(pictures, workdir, model, *more):
    small = [
        w for w in SMALL if model != "pixels" or w.split("=")[0] not in ("--filters", "--blocks")
    ]
    words = [f"--model={model}", "--dataset=folder", f"--data_dir={pictures}", "--channels=3"]
    return run(train_command.main, *words, *small, *more, f"--workdir={workdir}")


@pytest.fixture(scope="module", params=["matching", "classifier"])
def trained(request, pictures, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / request.param
    code, _, errors = train(pictures, workdir, request.param)
    assert code == 0, errors
    return workdir


def test_a_run_leaves_its_checkpoints_metrics_and_pictures(trained):
    kinds = [
        json.loads(line)["kind"] for line in (trained / "metrics.jsonl").read_text().splitlines()
    ]
    assert kinds.count("validation") == 1 and "train" in kinds
    assert (trained / "best" / "checkpoint").is_file()
    assert (trained / "tensorboard" / "projector" / "metadata.tsv").is_file()


@pytest.mark.slow  # three runs; data/test_shards.py compares the pictures
def test_a_run_on_files_goes_on_with_prepared_pictures(pictures, tmp_path):
    shards = tmp_path / "shards"
    words = ["--dataset=folder", f"--data_dir={pictures}", f"--output={shards}"]
    prepare.main(["prepare", *words, "--image_size=8", "--channels=3"])
    ends = []
    for name, parts in [("whole", [(pictures, 8)]), ("parts", [(pictures, 4), (shards, 8)])]:
        for place, episodes in parts:
            words = ["--read=files", "--schedule=constant", f"--episodes={episodes}"]
            code, _, errors = train(place, tmp_path / name, "matching", *words)
            assert code == 0, errors
        ends.append(experiment.load(tmp_path / name, "last")[0].get_weights())
    for whole, parts in zip(*ends, strict=True):
        np.testing.assert_array_equal(whole, parts)


def test_the_classifier_stores_how_many_classes_it_has(trained):
    config = json.loads((trained / "config.json").read_text())
    if config["model"] == "classifier":
        assert config["options"]["train_classes"] == config["split"]["classes"][0]


@pytest.mark.parametrize("match", [None, "own", "softmax"])
def test_records_say_how_they_were_made(trained, tmp_path, match):
    tuned = [] if match is None else ["--finetune_steps=2", f"--finetune_match={match}"]
    words = [f"--workdir={trained}", f"--results={tmp_path}", *TEST, *tuned]
    code, _, errors = run(eval_command.main, *words)
    if match == "softmax" and "matching" in str(trained):
        assert code == 1 and "must be own" in one_line(errors)
        return
    assert code == 0, errors
    (path,) = tmp_path.glob("*.json")
    protocol = json.loads(path.read_text())["protocol"]
    suffix = {None: "-seed0", "own": "-finetuned", "softmax": "-softmax"}[match]
    assert path.stem.endswith(f"{suffix}-2w1s")
    expected = None if match is None else {"steps": 2, "rate": 1e-3, "match": match}
    assert protocol.get("finetune") == expected and protocol["bn"] == "running"


def test_options_of_the_test_alone_are_in_the_record(trained, tmp_path):
    words = [f"--workdir={trained}", f"--results={tmp_path}", *TEST]
    code, _, errors = run(eval_command.main, *words, "--bn=batch")
    assert code == 0, errors
    (path,) = tmp_path.glob("*.json")
    assert path.stem.endswith("-bn_batch-2w1s")
    assert json.loads(path.read_text())["protocol"]["bn"] == "batch"
    code, _, errors = run(eval_command.main, *words, "--bn=none")
    assert code == 1 and "--bn must be one of" in one_line(errors)
    code, _, errors = run(eval_command.main, *words, "--orders=4")
    expected = (
        "has no option --orders" if "classifier" in str(trained) else "needs a run with --fce"
    )
    assert code == 1 and expected in one_line(errors)


def test_views_are_in_the_record_and_in_the_export(trained, tmp_path):
    words = [f"--workdir={trained}", f"--results={tmp_path}", *TEST, "--views=4"]
    code, _, errors = run(eval_command.main, *words)
    assert code == 0, errors
    (path,) = tmp_path.glob("*.json")
    record = json.loads(path.read_text())
    assert path.stem.endswith("-4_views-2w1s") and record["protocol"]["views"] == 4
    exported = exporting.export(trained, tmp_path / "export", record=path, views=4)
    assert json.loads((exported / "export.json").read_text())["views"] == 4
    assert "mean over 4 views" in (exported / "model_card.md").read_text()
    random = np.random.default_rng(0)
    support, query = (random.random((1, count, 8, 8, 3)).astype(np.float32) for count in (4, 3))
    labels = np.array([[0, 1, 0, 1]])
    answer = tf.saved_model.load(str(exported)).signatures["classify"]
    asked = [
        answer(
            support_images=tf.constant(np.rot90(support, k, (2, 3))),
            support_labels=tf.constant(labels),
            query_images=tf.constant(np.rot90(query, k, (2, 3))),
        )["probabilities"].numpy()
        for k in (0, 1)
    ]
    np.testing.assert_allclose(asked[1], asked[0], atol=1e-5)
    with pytest.raises(UserError, match="run eval.py again"):
        exporting.export(trained, tmp_path / "plain", record=path)


def test_only_classes_in_groups_are_drawn_within_one(trained, tmp_path):
    code, _, errors = run(eval_command.main, f"--workdir={trained}", *TEST, "--within_group")
    assert code == 1 and "--within_group needs classes in groups" in one_line(errors)


@pytest.mark.slow  # trains and tests with full contexts
def test_orders_are_in_the_record(pictures, tmp_path):
    code, _, errors = train(pictures, tmp_path / "run", "matching", "--fce")
    assert code == 0, errors
    words = [f"--workdir={tmp_path / 'run'}", f"--results={tmp_path}", *TEST, "--orders=3"]
    code, _, errors = run(eval_command.main, *words)
    assert code == 0, errors
    (path,) = tmp_path.glob("*.json")
    assert "-3_orders" in path.stem and json.loads(path.read_text())["protocol"]["orders"] == 3


def test_the_record_of_another_test_is_not_overwritten(trained, tmp_path, monkeypatch):
    """Which is said before anything is measured."""
    words = [f"--workdir={trained}", f"--results={tmp_path}", *TEST]
    assert run(eval_command.main, *words)[0] == 0
    (path,) = tmp_path.glob("*.json")
    before = path.read_text()
    assert run(eval_command.main, *words)[0] == 0  # the same test again
    monkeypatch.delattr(plans.protocols, "few_shot")
    code, _, errors = run(eval_command.main, *words, "--eval_queries=3")
    assert code == 1 and "of another test (queries differ)" in one_line(errors)
    code, _, errors = run(eval_command.main, *words, "--checkpoint=last")
    assert code == 1 and "of another test (checkpoint differ)" in one_line(errors)
    assert json.loads(path.read_text())["protocol"] == json.loads(before)["protocol"]


def test_a_span_is_tested_one_after_the_other(trained, tmp_path):
    words = [f"--workdir={trained}", f"--results={tmp_path}", "--eval_queries=1"]
    words += ["--eval_episodes=20", "--way=2", "--shot=1:3"]
    code, output, errors = run(eval_command.main, *words)
    assert code == 0, errors
    (path,) = tmp_path.glob("*.json")
    record = json.loads(path.read_text())
    assert list(record["accuracy"]) == ["2w1s", "2w2s", "2w3s"]
    assert (record["protocol"]["way"], record["protocol"]["shot"]) == ([2], [1, 2, 3])
    assert run(eval_command.main, *words[:-2], "--way=2,4", "--shot=1,3")[0] == 0
    (listed,) = set(tmp_path.glob("*.json")) - {path}
    assert list(json.loads(listed.read_text())["accuracy"]) == ["2w1s", "2w3s", "4w1s", "4w3s"]
    code, _, errors = run(eval_command.main, *words[:-1], "--shot=3:1")
    assert code == 1 and "--shot must be a whole number, or low:high" in one_line(errors)


def test_mirror_images_of_faces_can_be_left_out_of_the_test(pictures, tmp_path):
    """With them, a query may be the mirror image of a support picture: the record says so."""
    for folder in pictures.iterdir():
        (tmp_path / "lfw" / folder.name).mkdir(parents=True)
        for number, path in enumerate(sorted(folder.iterdir())):
            name = f"{folder.name}_{number + 1:04d}.png"
            shutil.copy(path, tmp_path / "lfw" / folder.name / name)
    words = ["--model=pixels", "--dataset=lfw", "--split=random", f"--data_dir={tmp_path}"]
    words += ["--way=3", "--image_size=8", f"--workdir={tmp_path / 'run'}"]
    code, _, errors = run(train_command.main, *words)
    assert code == 0, errors
    words = [f"--workdir={tmp_path / 'run'}", f"--results={tmp_path / 'results'}", *TEST]
    for more in ([], ["--mirrored_copies=none"]):
        code, _, errors = run(eval_command.main, *words, *more)
        assert code == 0, errors
    found = {
        path.stem: json.loads(path.read_text())["protocol"].get("mirrored_copies")
        for path in (tmp_path / "results").iterdir()
    }
    assert found == {
        "pixels_lfw-seed0-2w1s": "horizontal",
        "pixels_lfw-seed0-none_mirrored-2w1s": None,
    }


def test_the_usual_settings_go_as_far_as_the_classes(trained):
    """Four test classes: 4 ways, not 5 or 20."""
    words = [f"--workdir={trained}", "--eval_queries=1", "--eval_episodes=20", "--shot=1"]
    code, output, errors = run(eval_command.main, *words)
    assert code == 0 and "4w1s" in output and "5w1s" not in output, errors


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--blocks=4", "--image_size=8"], "--blocks=4 halves a picture to nothing"),
        (["--way_from=9"], "--way must be low:high. Received: 9:3"),
        (["--bn=support", "--noshared"], "--bn=support needs --shared"),
        (["--weight_decay=0.01"], "--weight_decay=0.01 needs --optimizer=adamw"),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_makes_no_folder(pictures, tmp_path, words, said):
    code, _, errors = train(pictures, tmp_path / "run", "matching", *words)
    assert code == 1 and said in one_line(errors)
    assert not (tmp_path / "run").exists()


def test_sequences_are_not_asked_of_it(trained):
    code, _, errors = run(eval_command.main, f"--workdir={trained}", "--protocol=sequence")
    assert code == 1 and "use --protocol=few_shot" in one_line(errors)


def test_pixels_need_no_training(pictures, tmp_path):
    code, output, errors = train(pictures, tmp_path / "run", "pixels")
    assert code == 0 and "nothing to train" in output, errors
    code, output, errors = run(eval_command.main, f"--workdir={tmp_path / 'run'}", *TEST)
    assert code == 0 and "2w1s" in output, errors


def test_too_many_ways_are_refused_before_anything_is_built(pictures, tmp_path):
    code, _, errors = train(pictures, tmp_path / "run", "matching", "--way=60")
    assert code == 1 and "lower --way" in one_line(errors)


@pytest.mark.parametrize("steps", [0, pytest.param(3, marks=pytest.mark.slow)])
def test_an_export_answers_as_the_model_does_fine_tuned_or_not(trained, tmp_path, steps):
    from oneshot_tf.episodes import FewShotEpisode
    from oneshot_tf.runs import experiment

    tuned = {"steps": steps, "rate": 1e-2} if steps else {}
    path = exporting.export(trained, tmp_path, **tuned)
    learner = experiment.load(trained)[0]
    random = np.random.default_rng(0)
    support, query = (random.random((1, n, 8, 8, 3)).astype(np.float32) for n in (4, 3))
    labels = np.array([[0, 1, 1, 2]])
    episode = FewShotEpisode(
        tf.constant(support),
        tf.constant(labels, tf.int32),
        tf.constant(query),
        -tf.ones([1, 3], tf.int32),
    )
    expected = learner.finetuned(episode, steps, 1e-2) if steps else learner(episode)
    loaded = tf.saved_model.load(str(path))
    ask = {
        "support_images": tf.constant(support),
        "support_labels": tf.constant(labels),
        "query_images": tf.constant(query),
    }
    for _ in range(2):  # nothing of the first request is left in the second
        found = loaded.signatures["classify"](**ask)["probabilities"]
        np.testing.assert_allclose(found, np.exp(expected), atol=1e-5)
    card = (path / "model_card.md").read_text()
    assert ("3 steps of Adam" in card) == (steps == 3)
    assert json.loads((path / "export.json").read_text())["way"] is None


def test_tests_and_exports_compute_in_float32(pictures, tmp_path):
    from oneshot_tf.runs import experiment

    code, _, errors = train(pictures, tmp_path, "matching", "--precision=mixed_bfloat16")
    assert code == 0, errors
    learner, config, _ = experiment.load(tmp_path)
    assert config.train.precision == "mixed_bfloat16"  # what the record says of its training
    assert learner.precision == "float32" and learner.embedding.compute == "float32"
