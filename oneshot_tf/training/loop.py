"""The training loop: many updates in one compiled call, plain Python around whole calls."""

import math
import time
import typing

import tensorflow as tf

from oneshot_tf.errors import Diverged
from oneshot_tf.sampling import pipeline
from oneshot_tf.training import optimizers, update
from oneshot_tf.training.checkpoints import Checkpoints
from oneshot_tf.training.logging import Log
from oneshot_tf.training.replication import Replication, Trained, first_local
from oneshot_tf.training.signals import Interrupted, Signals


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
    # nothing in it is Python control flow of tensors, and looking for some takes seconds
    one_update = tf.autograph.experimental.do_not_convert(
        update.make(learner, optimizer, sample, options, replicas)
    )
    presentations = learner.presentations(options)

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
                now, state = strategy.run(one_update, args=(start + i, state, *read))
                # all replicas have the same numbers, of the whole batch
                now = update.Updated(*[first_local(strategy, x) for x in now])
                loss, norm = loss + now.loss, norm + now.norm
                right, shown = right + now.right, shown + now.shown
                fresh = tf.reduce_any(now.bad > 0) & (first_bad < 0)
                bad = tf.where(fresh, now.bad, bad)
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


def check_finite(result, learner, options):
    """Stops a run whose numbers are no longer finite.

    Raises:
      Diverged: which update, which tensors, what to try.
    """
    first = int(result["first_bad"])
    if first < 0:
        return
    names = ["the loss", *(f"the gradient of {v.name}" for v in learner.trainable_variables)]
    bad = [name for name, flag in zip(names, result["bad"].numpy(), strict=True) if flag > 0]
    start = first * options.batch_size
    raise Diverged(
        f"Training stopped at update {first + 1} (episodes {start} to "
        f"{start + options.batch_size - 1}): {bad[0]} is not finite ({len(bad)} of {len(names)} "
        "checked tensors); the last checkpoint is intact: lower --learning_rate or set "
        "--clip_norm, in a new --workdir"
    )


def train(learner, sample, options, workdir, strategy, hooks, kept=None, quiet=False):
    """Trains until `options.episodes`, from the latest checkpoint where there is one.

    Args:
      learner: a built `Learner`, made inside `strategy.scope()`.
      sample: (first episode) -> episodes for one replica.
      options: `TrainOptions`.
      workdir: the run's folder; checkpoints, metrics and TensorBoard go there.
      strategy: a `tf.distribute.Strategy`.
      hooks: `Hooks`.
      kept: a like learner made outside the strategy, which is what is saved and what `hooks` work
        on; None or `learner` itself where there is one device.
      quiet: prints nothing.

    Raises:
      Interrupted: after SIGINT or SIGTERM of any worker, state saved.
      UserError: non-finite numbers, or a checkpoint that cannot be written.
      tf.errors.OpError: another worker is gone; the state after the last whole call is saved.
    """
    with strategy.scope():
        trained = _with_optimizer(learner, options)
        carried = make_carried(learner, options)
    kept = trained if kept in (None, learner) else _with_optimizer(kept, options)
    replication = Replication(strategy, trained, kept)
    checkpoints = Checkpoints(workdir, *kept, options.keep, tf.nest.flatten(carried))
    checkpoints.restore()
    replication.spread([checkpoints.updates])
    start = int(checkpoints.updates) * options.batch_size
    log = Log(workdir, options.episodes, start, not replication.chief, quiet)
    keeping = Keeping(options, checkpoints, log, hooks, replication)
    try:
        if not learner.trainable_variables:
            log.say(f"{learner.name} has no weights; there is nothing to train")
            keeping.between(set(keeping.every()))
            return
        train_steps = make_train_steps(*trained, sample, options, strategy, carried)
        with Signals() as signals:
            _run(train_steps, trained, keeping, signals)
    except replication.losses:
        keeping.rescue()
        raise
    finally:
        log.close()


def _with_optimizer(learner, options):
    optimizer = optimizers.make(options)
    optimizer.build(learner.trainable_variables)
    return Trained(learner, optimizer)


class Keeping(typing.NamedTuple):
    """What happens around the calls that train: counting, validation, pictures and saving.

    Attributes:
      options: `TrainOptions`.
      checkpoints: `Checkpoints`.
      log: `Log`.
      hooks: `Hooks`.
      replication: `Replication`; all workers stop at the same updates, the chief alone acts there.
    """

    options: typing.Any
    checkpoints: Checkpoints
    log: Log
    hooks: Hooks
    replication: Replication

    def every(self):
        """{what happens between calls: after how many updates}."""
        options, hooks = self.options, self.hooks
        return {
            name: optimizers.updates(episodes, options.batch_size)
            for name, episodes in [
                ("validate", options.eval_every if hooks.validate else 0),
                ("save", options.save_every),
                ("draw", options.figures_every if hooks.draw else 0),
            ]
            if episodes
        }

    @property
    def episode(self):
        """Episodes trained on."""
        return int(self.checkpoints.updates) * self.options.batch_size

    def between(self, due):
        """Validation, pictures and saving, where they are due."""
        if not self.replication.chief:
            return
        if "validate" in due:
            score, scalars, by_presentation = self.hooks.validate()
            self.log.record("validation", self.episode, scalars, by_presentation)
            self.checkpoints.save_if_best(score)
        if "draw" in due:
            self.log.pictures("validation", self.episode, self.hooks.draw())
        if "save" in due:
            self.checkpoints.save()

    def interrupt(self, code):
        """Ends the run as a signal asked."""
        self.checkpoints.save()
        self.log.say(f"Interrupted and saved at {self.episode:,} episodes; run again to go on")
        raise Interrupted(code)

    def rescue(self):
        """Keeps what there is when another worker is gone."""
        if self.replication.chief:
            self.checkpoints.save()
            self.log.say(f"Saved at {self.episode:,} episodes")


def _run(train_steps, trained, keeping, signals):
    """The outer loop: whole calls, which end exactly at validations, saves and pictures."""
    options, checkpoints, log = keeping[:3]
    batch, every = options.batch_size, keeping.every()
    total = optimizers.updates(options.episodes, batch)
    now = int(checkpoints.updates)
    if now >= total:
        rises = ", with a rate that rises again" if options.schedule in ("cosine", "linear") else ""
        log.say(f"{now * batch:,} episodes are done; raise --episodes to train on{rises}")
    while now < total:
        began = time.perf_counter()
        stops = [e - now % e for e in every.values()]
        num = min([options.steps_per_call, total - now, *stops])
        result = train_steps(tf.constant(now, tf.int64), tf.constant(num, tf.int64))
        check_finite(result, trained.learner, options)
        keeping.replication.collect()
        now += num
        checkpoints.updates.assign(now)
        seconds = time.perf_counter() - began
        checkpoints.seconds.assign_add(seconds)
        numbers = scalars(*trained, result, num * batch / seconds)
        log.record("train", now * batch, *numbers)
        keeping.between({name for name, e in every.items() if now % e == 0 or now == total})
        code = keeping.replication.agree(signals.code)
        if code is not None:
            keeping.interrupt(code)


def scalars(learner, optimizer, result, rate):
    """(scalars, accuracies by presentation) of one call."""
    right, shown = result["right"].numpy(), result["shown"].numpy()
    numbers = {
        **learner.loss_scalars(float(result["loss"])),
        "accuracy": 100.0 * float(right.sum() / max(shown.sum(), 1.0)),
        "gradient_norm": float(result["gradient_norm"]),
        "learning_rate": float(optimizer.learning_rate.numpy()),
        "episodes_per_second": rate,
    }
    accuracies = [100.0 * r / s if s else math.nan for r, s in zip(right, shown, strict=True)]
    return numbers, accuracies if len(accuracies) > 1 else None
