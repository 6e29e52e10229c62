import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.training import checkpoints
from tests.training.small import Small, make

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path):
    learner, optimizer, _, _ = make()
    return learner, optimizer, checkpoints.Checkpoints(tmp_path, learner, optimizer, 2)


def save_at(saved, learner, update):
    """Saves with all weights set to the number of the update."""
    for weight in learner.trainable_variables:
        weight.assign(tf.fill(weight.shape, float(update)))
    saved.updates.assign(update)
    saved.save()


def test_the_latest_few_are_kept(run, tmp_path):
    learner, _, saved = run
    for update in (1, 2, 5):
        save_at(saved, learner, update)
    names = {path.stem for path in (tmp_path / "checkpoints").glob("ckpt-*.index")}
    assert names == {"ckpt-2", "ckpt-5"}
    fresh = Small()
    assert checkpoints.restore_weights(fresh, tmp_path, "last")[0] == 5
    np.testing.assert_array_equal(fresh.get_weights()[0], np.full((16, 2), 5.0))


def test_the_best_is_kept_apart(run, tmp_path):
    learner, _, saved = run
    scores = [(np.nan, False), (40.0, True), (60.0, True), (50.0, False), (60.0, False)]
    for update, (score, best) in enumerate(scores, 1):
        save_at(saved, learner, update)
        assert saved.save_if_best(score) is best
    fresh = Small()
    assert checkpoints.restore_weights(fresh, tmp_path, "best")[0] == 3
    np.testing.assert_array_equal(fresh.get_weights()[0], np.full((16, 2), 3.0))


def test_counters_and_the_best_score_come_back(run, tmp_path):
    learner, _, saved = run
    saved.seconds.assign(12.5)
    saved.save_if_best(70.0)
    save_at(saved, learner, 3)
    other, optimizer, _, _ = make(seed=1)
    restored = checkpoints.Checkpoints(tmp_path, other, optimizer, 2)
    assert restored.restore()
    counters = (int(restored.updates), float(restored.seconds), float(restored.best))
    assert counters == (3, 12.5, 70.0)
    assert not restored.save_if_best(69.0)


def test_nothing_to_restore(run, tmp_path):
    assert run[2].restore() is False
    with pytest.raises(UserError, match="has no checkpoint; train first"):
        checkpoints.restore_weights(Small(), tmp_path, "best")


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(run, tmp_path, monkeypatch):
    learner, optimizer, saved = run
    save_at(saved, learner, 1)

    def full(*_, **__):
        (tmp_path / "checkpoints" / "ckpt-2.data-00000-of-00001").write_bytes(b"half")
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tf.train.CheckpointManager, "save", full)
        with pytest.raises(UserError, match="update 2 could not be written.*No space left"):
            save_at(saved, learner, 2)
    assert not list((tmp_path / "checkpoints").glob("ckpt-2*"))
    assert checkpoints.restore_weights(Small(), tmp_path, "last")[0] == 1
    save_at(saved, learner, 3)  # and once there is space, it goes on
    assert checkpoints.restore_weights(Small(), tmp_path, "last")[0] == 3
    assert checkpoints.Checkpoints(tmp_path, learner, optimizer, 2).restore()


def test_a_deleted_checkpoint_leaves_the_one_before(run, tmp_path):
    learner, optimizer, saved = run
    for update in (1, 2):
        save_at(saved, learner, update)
    for path in (tmp_path / "checkpoints").glob("ckpt-2.*"):
        path.unlink()
    assert checkpoints.restore_weights(Small(), tmp_path, "last")[0] == 1
    again = checkpoints.Checkpoints(tmp_path, learner, optimizer, 2)
    assert again.restore() and int(again.updates) == 1
    save_at(again, learner, 2)
    assert checkpoints.restore_weights(Small(), tmp_path, "last")[0] == 2
    for path in (tmp_path / "checkpoints").glob("ckpt-*"):
        path.unlink()
    with pytest.raises(UserError, match="has lost its checkpoints, of which .*ckpt-2 was the last"):
        again.restore()


def test_a_broken_checkpoint_is_named(run, tmp_path):
    learner, _, saved = run
    save_at(saved, learner, 1)
    (tmp_path / "checkpoints" / "ckpt-1.index").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="ckpt-1 cannot be read"):
        saved.restore()
    with pytest.raises(UserError, match="ckpt-1 cannot be read"):
        checkpoints.restore_weights(Small(), tmp_path, "last")


def damage(path):
    """Changes bytes in the middle of a file."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8] = bytes(b ^ 255 for b in content[middle : middle + 8])
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["checkpoints", "best"])
@pytest.mark.parametrize(
    "content", [b"", b"nonsense\n", b"\xff\xfe\x00", b'model_checkpoint_path: "']
)
def test_a_damaged_list_of_checkpoints_is_no_new_run(run, tmp_path, capfd, name, content):
    learner, optimizer, saved = run
    save_at(saved, learner, 1)
    saved.save_if_best(50.0)
    (tmp_path / name / "checkpoint").write_bytes(content)
    with pytest.raises(UserError, match=f"{name}/checkpoint does not name the checkpoints"):
        checkpoints.Checkpoints(tmp_path, learner, optimizer, 2)
    with pytest.raises(UserError, match=f"{name}/checkpoint does not name the checkpoints"):
        checkpoints.restore_weights(Small(), tmp_path, "last" if name == "checkpoints" else name)
    assert capfd.readouterr().err == ""


PROGRAM = """
import sys
from oneshot_tf.commands import flags
from oneshot_tf.training import checkpoints
from tests.training.small import Small, make
import tensorflow as tf
import tf_keras as keras

class Other(Small):  # weights of the same names, of other shapes
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3, name="dense")
        self.dense.build([None, 5])

class More(Small):
    def __init__(self):
        super().__init__()
        self.more = tf.Variable(tf.zeros([3, 2]), name="more")

def main(argv):
    how, cls, workdir = argv[1:]
    learner = {"Small": Small, "Other": Other, "More": More}[cls]()
    if how == "weights":
        checkpoints.restore_weights(learner, workdir, "last")
        return
    optimizer = make()[1]
    optimizer.build(learner.trainable_variables)
    checkpoints.Checkpoints(workdir, learner, optimizer, 2).restore()

flags.run(main)
"""


WRONG = [
    ("Small", "index", "ckpt-1 cannot be read ("),
    ("Small", "data-00000-of-00001", "Checksum does not match"),
    ("Other", None, "of another model or of other options: Received incompatible tensor"),
    ("More", None, "of another model or of other options: "),
]
# a process each
WRONG_QUICK = [("weights", *WRONG[0]), ("all", *WRONG[3])]
WRONG_SLOW = {(how, *wrong) for how in ("weights", "all") for wrong in WRONG} - {*WRONG_QUICK}
WRONG_SLOW = [pytest.param(*w, marks=pytest.mark.slow) for w in sorted(WRONG_SLOW, key=str)]


@pytest.mark.parametrize("how, cls, spoiled, said", [*WRONG_QUICK, *WRONG_SLOW])
def test_what_is_wrong_with_a_checkpoint_is_one_line(run, tmp_path, how, cls, spoiled, said):
    """As a user sees it: to the end of the process, when TensorFlow lists what was not restored."""
    learner, _, saved = run
    save_at(saved, learner, 1)
    if spoiled:
        damage(tmp_path / "checkpoints" / f"ckpt-1.{spoiled}")
    words = [sys.executable, "-c", PROGRAM, how, cls, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: "), done.stderr
    assert said in done.stderr and "numpy" not in done.stderr and "{{" not in done.stderr
