"""Checkpoints of a run: the latest few, and the best on validation classes."""

import contextlib
import logging
import math
import pathlib
import re

import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.files import refuse_pattern

# what TensorFlow raises on a checkpoint that is damaged or of another model
READ_ERRORS = (tf.errors.OpError, AssertionError, ValueError, IndexError)
STATE = "checkpoint"  # the file in a folder of checkpoints that names them
# how TensorFlow's warnings begin that list, one a line, what of a checkpoint was not restored
_UNRESTORED = ("Detecting that an object", "Value in checkpoint could not be found")


class Checkpoints:
    """Saves and restores weights, optimiser and counters, and what updates hand on to each other.

    Nothing else is state: episodes are functions of the seed and their number.

    Args:
      workdir: the run's folder.
      learner: the model.
      optimizer: its optimiser.
      keep: how many latest checkpoints are kept.
      carried: variables that a model of running text goes on from.

    Attributes:
      updates: int64 variable, updates made.
      seconds: float64 variable, time spent training.
      best: float32 variable, best validation score so far.
    """

    def __init__(self, workdir, learner, optimizer, keep, carried=()):
        self._workdir = workdir = pathlib.Path(workdir)
        self.updates = tf.Variable(0, dtype=tf.int64, trainable=False, name="updates")
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False, name="seconds")
        self.best = tf.Variable(-math.inf, trainable=False, name="best")
        # named only where there are any: checkpoints of other models stay as they were
        more = {"carried": list(carried)} if carried else {}
        self._checkpoint = tf.train.Checkpoint(
            model=learner,
            optimizer=optimizer,
            updates=self.updates,
            seconds=self.seconds,
            best=self.best,
            **more,
        )
        for name in ("checkpoints", "best"):
            check_state(workdir / name)
        self._latest = tf.train.CheckpointManager(
            self._checkpoint, str(workdir / "checkpoints"), max_to_keep=keep
        )
        self._best = tf.train.CheckpointManager(self._checkpoint, str(workdir / "best"), 1)

    def restore(self):
        """Restores the latest checkpoint whose files are there; false where none was ever made."""
        path = self._newest()
        if self._lost():
            raise UserError(
                f"{self._latest.directory} has lost its checkpoints, of which "
                f"{self._latest.latest_checkpoint} was the last; restore one, or train in a new --workdir"
            )
        if path is None:
            return False
        advice = "; delete its files to go on from the one before, or train in a new --workdir"
        _restore(self._checkpoint, path, advice, lambda status: status.assert_consumed())
        return True

    def save(self):
        """Saves the latest state; an error leaves the checkpoints before it as they were."""
        if self._newest() == self._path(self._latest):
            return
        self._save(self._latest)

    def _newest(self):
        """The latest checkpoint that nobody has deleted, or None."""
        return _newest_of(self._latest.checkpoints)

    def _lost(self):
        """Whether there were checkpoints, and somebody has deleted all of them."""
        return bool(self._latest.checkpoints) and self._newest() is None

    def save_if_best(self, score):
        """Keeps this state under `best/` if `score` is the best so far, which NaN never is."""
        if not score > float(self.best):
            return False
        self.best.assign(score)
        self._save(self._best)
        return True

    def _path(self, manager):
        return str(pathlib.Path(manager.directory) / f"ckpt-{int(self.updates)}")

    def _check_there(self):
        """TensorFlow would make the folders anew, and go on without what the run needs to resume."""
        if self._lost() or not self._workdir.is_dir():
            raise UserError(
                f"{self._workdir} or its checkpoints are gone while it is being trained in; bring "
                "them back and run the same command again, or train in a new --workdir"
            )

    def _save(self, manager):
        self._check_there()
        before = set(pathlib.Path(manager.directory).glob("*"))
        try:
            manager.save(checkpoint_number=self.updates)
        except (tf.errors.OpError, OSError) as error:
            for path in set(pathlib.Path(manager.directory).glob("ckpt-*")) - before:
                if path.is_file():
                    path.unlink(missing_ok=True)
            raise UserError(
                f"The checkpoint of update {int(self.updates)} could not be written to "
                f"{manager.directory} ({first_line(error)}); the one before it is intact: free "
                "space, then run the same command again"
            ) from None


def restore_weights(learner, workdir, which):
    """Restores only the weights of a run, for evaluation and export.

    Args:
      learner: the built learner, or what has some of its attributes.
      workdir: the run's folder.
      which: "best" or "last".

    Returns:
      (updates, seconds) that the checkpoint has been trained for.

    Raises:
      UserError: there is no such checkpoint, or it cannot be read.
    """
    folder = pathlib.Path(workdir) / ("best" if which == "best" else "checkpoints")
    refuse_pattern(folder)
    check_state(folder)
    state = tf.train.get_checkpoint_state(str(folder))
    path = _newest_of(state.all_model_checkpoint_paths if state else [])
    if path is None:
        raise UserError(f"{folder} has no checkpoint; train first, or name another --checkpoint")
    updates, seconds = tf.Variable(0, dtype=tf.int64), tf.Variable(0.0, dtype=tf.float64)
    checkpoint = tf.train.Checkpoint(model=learner, updates=updates, seconds=seconds)
    _restore(
        checkpoint,
        path,
        "; name another --checkpoint, or train again",
        lambda status: status.expect_partial().assert_existing_objects_matched(),
    )
    return int(updates), float(seconds)


def _restore(checkpoint, path, advice, check):
    """Restores what a `tf.train.Checkpoint` holds; what is wrong with it is one line.

    Args:
      checkpoint: the `tf.train.Checkpoint`.
      path: where it was saved.
      advice: what to do if it cannot be read.
      check: asserts of a status that all is there that should be.

    Raises:
      UserError: it is damaged, or of another model.
    """
    status = None
    try:
        status = checkpoint.restore(path)
        check(status)
    except READ_ERRORS as error:
        # Whenever the objects go, at the latest when Python ends, TensorFlow would list all that
        # was not restored. A restore that failed has no status that could be told to expect it.
        if status is None:
            tf.get_logger().addFilter(_is_not_a_list)
        else:
            status.expect_partial()
        raise UserError(f"{path} cannot be read ({_reason(error)}){advice}") from None


def _is_not_a_list(record):
    return not str(record.msg).startswith(_UNRESTORED)


def _reason(error):
    """What is wrong with a checkpoint, of TensorFlow's error: without names of nodes and values."""
    line = re.sub(r"^\{\{.*?\}\} | \[Op:\w+\]$|,? numpy=.*$", "", first_line(error))
    foreign = isinstance(error, AssertionError) or line.startswith("Received incompatible tensor")
    return f"it is of another model or of other options: {line}" if foreign else line


def _newest_of(paths):
    """The last of some checkpoints whose files are there, or None."""
    there = (path for path in reversed(paths) if pathlib.Path(f"{path}.index").is_file())
    return next(there, None)


def check_state(folder):
    """Refuses a folder of checkpoints whose file that names them is damaged.

    TensorFlow would take it for a folder without checkpoints, and a run for one that begins.

    Raises:
      UserError: see above.
    """
    path = pathlib.Path(folder) / STATE
    if not path.is_file():
        return
    with _no_warnings():
        try:
            state = tf.train.get_checkpoint_state(str(folder))
        except ValueError:  # not even text
            state = None
    if state is None or not state.model_checkpoint_path:
        raise UserError(
            f"{path} does not name the checkpoints beside it; restore it, or train in a new --workdir"
        )


@contextlib.contextmanager
def _no_warnings():
    logger = tf.get_logger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def restore_part(parts, workdir, which):
    """Restores some of a run's weights into parts of another learner.

    Args:
      parts: {name of a learner's attribute: the layer that gets its weights}.
      workdir: the run's folder.
      which: "best" or "last".

    Raises:
      UserError: there is no such checkpoint, or it has no weights of these shapes.
    """
    holder = tf.Module()
    for name, layer in parts.items():
        setattr(holder, name, layer)
    restore_weights(holder, workdir, which)


def first_line(error):
    """The first line of an error's text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
