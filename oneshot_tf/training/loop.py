"""The training loop: many updates in one compiled call, plain Python around whole calls."""

import math
import signal
import time
import typing

import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.sampling import pipeline
from oneshot_tf.training import optimizers
from oneshot_tf.training.checkpoints import Checkpoints
from oneshot_tf.training.logging import Log


class Interrupted(Exception):
    """A signal ended the run after its state was saved; `code` is the exit code."""

    def __init__(self, code):
        super().__init__(f"exit code {code}")
        self.code = code


class Hooks(typing.NamedTuple):
    """What happens between calls of the loop; the loop knows no dataset and no protocol.

    Attributes:
      validate: () -> (score, scalars, by_presentation), or None where nothing validates.
      draw: () -> {name: uint8 [H, W, 3]}, pictures for TensorBoard, or None.
    """

    validate: typing.Callable | None = None
    draw: typing.Callable | None = None


def make_carried(learner, options):
    """Variables for what updates hand on to each other, in its structure; () for most models."""
    state = learner.first_state(options.batch_size)
    return tf.nest.map_structure(lambda part: tf.Variable(part, trainable=False), state)


def make_train_steps(learner, optimizer, sample, options, strategy, carried=()):
    """The compiled loop.

    Args:
      learner: a built `Learner`.
      optimizer: its optimiser, built.
      sample: (first episode) -> batch of episodes, of `batch_size / replicas`.
      options: `TrainOptions`.
      strategy: a `tf.distribute.Strategy`.
      carried: of `make_carried`; read before the first update of a call, written after the last.

    Returns:
      train_steps(start, num) for int64 scalars: updates start .. start + num - 1. It gives a
      dictionary: mean "loss" and "gradient_norm", sums "right" and "shown" by presentation,
      "first_bad" the first update with a non-finite number (or -1), "bad" which numbers.
    """
    replicas = strategy.num_replicas_in_sync
    update = _make_update(learner, optimizer, sample, options, replicas)
    presentations = options.shot if learner.episode == "sequence" else 1

    @tf.function
    def train_steps(start, num, feed=None):
        loss, norm = tf.constant(0.0), tf.constant(0.0)
        right = shown = tf.zeros([presentations])
        first_bad = tf.constant(-1, tf.int64)
        bad = tf.zeros([1 + len(learner.trainable_variables)])
        state = tf.nest.map_structure(tf.convert_to_tensor, carried)
        for i in tf.range(num):
            with tf.name_scope(""):
                # `start + i`, not a variable: the sampling of the next update can begin while
                # this one is trained
                read = () if feed is None else feed.get_next()
                now, state = strategy.run(update, args=(start + i, state, *read))
                now = [strategy.reduce(tf.distribute.ReduceOp.SUM, x, None) for x in now]
                loss, norm = loss + now[0] / replicas, norm + now[1] / replicas
                right, shown = right + now[2], shown + now[3]
                fresh = tf.reduce_any(now[4] > 0) & (first_bad < 0)
                bad = tf.where(fresh, now[4], bad)
                first_bad = tf.where(fresh, start + i, first_bad)
        tf.nest.map_structure(lambda variable, value: variable.assign(value), carried, state)
        count = tf.cast(num, tf.float32)
        return {
            "loss": loss / count,
            "gradient_norm": norm / count,
            "right": right,
            "shown": shown,
            "first_bad": first_bad,
            "bad": bad,
        }

    if not pipeline.reads_files(sample):
        return train_steps
    files = pipeline.Feed(sample, options.batch_size // replicas, strategy)
    return lambda start, num: train_steps(start, num, files.take(int(start), int(num)))


def _make_update(learner, optimizer, sample, options, replicas):
    """One update on one replica: its share of the batch, gradients averaged over all."""
    weights = learner.trainable_variables
    share = options.batch_size // replicas

    def update(number, state, *read):
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
        episode = sample.finish(*read) if read else sample((number * replicas + replica) * share)
        with tf.GradientTape() as tape:
            loss, metrics, *after = learner.train_loss(episode, *([state] if state else []))
        gradients = tape.gradient(loss, weights)
        if replicas > 1:
            gradients = context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        norm = tf.linalg.global_norm(gradients)
        values = [x.values if isinstance(x, tf.IndexedSlices) else x for x in [loss, *gradients]]
        bad = [~tf.reduce_all(tf.math.is_finite(x)) for x in values]
        if options.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, options.clip_norm, norm)
        optimizer.apply_gradients(
            zip(gradients, weights, strict=True), skip_gradients_aggregation=True
        )
        bad = tf.cast(tf.stack(bad), tf.float32)
        return (loss, norm, metrics["right"], metrics["shown"], bad), after[0] if after else ()

    return update


def check_finite(result, learner, options):
    """Stops a run whose numbers are no longer finite.

    Raises:
      UserError: which update, which tensors, what to try.
    """
    first = int(result["first_bad"])
    if first < 0:
        return
    names = ["the loss", *(f"the gradient of {v.name}" for v in learner.trainable_variables)]
    bad = [name for name, flag in zip(names, result["bad"].numpy(), strict=True) if flag > 0]
    start = first * options.batch_size
    raise UserError(
        f"Training stopped at update {first + 1} (episodes {start} to "
        f"{start + options.batch_size - 1}): {bad[0]} is not finite ({len(bad)} of {len(names)} "
        "checked tensors); the last checkpoint is intact: lower --learning_rate or set "
        "--clip_norm, in a new --workdir"
    )


class Signals:
    """Turns SIGINT and SIGTERM into a flag that the loop looks at between calls."""

    CODES = {signal.SIGINT: 130, signal.SIGTERM: 0}

    def __init__(self):
        self.code = None

    def __enter__(self):
        self._before = {number: signal.signal(number, self._note) for number in self.CODES}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        del frame
        self.code = self.CODES[number]


def train(learner, sample, options, workdir, strategy, hooks):
    """Trains until `options.episodes`, from the latest checkpoint where there is one.

    Args:
      learner: a built `Learner`, made inside `strategy.scope()`.
      sample: (first episode) -> episodes for one replica.
      options: `TrainOptions`.
      workdir: the run's folder; checkpoints, metrics and TensorBoard go there.
      strategy: a `tf.distribute.Strategy`.
      hooks: `Hooks`.

    Raises:
      Interrupted: after SIGINT or SIGTERM, state saved.
      UserError: non-finite numbers, or a checkpoint that cannot be written.
    """
    with strategy.scope():
        optimizer = optimizers.make(options)
        optimizer.build(learner.trainable_variables)
        carried = make_carried(learner, options)
        state = tf.nest.flatten(carried)
        checkpoints = Checkpoints(workdir, learner, optimizer, options.keep, state)
    checkpoints.restore()
    if not learner.trainable_variables:
        _save_untrained(learner, options, checkpoints, workdir, hooks)
        return
    train_steps = make_train_steps(learner, optimizer, sample, options, strategy, carried)
    log = Log(workdir, options.episodes, int(checkpoints.updates) * options.batch_size)
    try:
        with Signals() as signals:
            _run(learner, train_steps, optimizer, options, checkpoints, log, hooks, signals)
    finally:
        log.close()


def _save_untrained(learner, options, checkpoints, workdir, hooks):
    """What a run of a model without weights comes to: its validation, its pictures, a checkpoint."""
    log = Log(workdir, options.episodes, 0)
    log.say(f"{learner.name} has no weights; there is nothing to train")
    try:
        _between(set(_every(options, hooks)), checkpoints, log, hooks, 0)
    finally:
        log.close()


def _every(options, hooks):
    """{what happens between calls: after how many updates}."""
    return {
        name: optimizers.updates(episodes, options.batch_size)
        for name, episodes in [
            ("validate", options.eval_every if hooks.validate else 0),
            ("save", options.save_every),
            ("draw", options.figures_every if hooks.draw else 0),
        ]
        if episodes
    }


def _run(learner, train_steps, optimizer, options, checkpoints, log, hooks, signals):
    """The outer loop: whole calls, which end exactly at validations, saves and pictures."""
    batch = options.batch_size
    total = optimizers.updates(options.episodes, batch)
    every = _every(options, hooks)
    now = int(checkpoints.updates)
    if now >= total:
        log.say(f"{now * batch:,} episodes are done; raise --episodes to train on")
    while now < total:
        began = time.perf_counter()
        stops = [e - now % e for e in every.values()]
        num = min([options.steps_per_call, total - now, *stops])
        result = train_steps(tf.constant(now, tf.int64), tf.constant(num, tf.int64))
        check_finite(result, learner, options)
        now += num
        checkpoints.updates.assign(now)
        seconds = time.perf_counter() - began
        checkpoints.seconds.assign_add(seconds)
        numbers = scalars(learner, result, optimizer, num * batch / seconds)
        log.record("train", now * batch, *numbers)
        due = {name for name, e in every.items() if now % e == 0 or now == total}
        _between(due, checkpoints, log, hooks, now * batch)
        if signals.code is not None:
            checkpoints.save()
            log.say(f"Interrupted and saved at {now * batch:,} episodes; run again to go on")
            raise Interrupted(signals.code)


def scalars(learner, result, optimizer, rate):
    """(scalars, accuracies by presentation) of one call."""
    right, shown = result["right"].numpy(), result["shown"].numpy()
    numbers = {
        **learner.loss_scalars(float(result["loss"])),
        "accuracy": 100.0 * float(right.sum() / max(shown.sum(), 1.0)),
        "gradient_norm": float(result["gradient_norm"]),
        "learning_rate": float(optimizer.learning_rate),
        "episodes_per_second": rate,
    }
    accuracies = [100.0 * r / s if s else math.nan for r, s in zip(right, shown, strict=True)]
    return numbers, accuracies if len(accuracies) > 1 else None


def _between(due, checkpoints, log, hooks, episode):
    """Validation, pictures and saving, where they are due."""
    if "validate" in due:
        score, scalars, by_presentation = hooks.validate()
        log.record("validation", episode, scalars, by_presentation)
        checkpoints.save_if_best(score)
    if "draw" in due:
        log.pictures("validation", episode, hooks.draw())
    if "save" in due:
        checkpoints.save()
