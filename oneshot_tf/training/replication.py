"""What the replicas of a run share, and the copy of it that one process keeps outside them.

A run on several devices or machines trains *mirrored* variables. Everything else (checkpoints,
validation, pictures) uses plain copies, which are updated after every call of the loop. So the
chief can validate and save without the other workers, and if one of them is lost, it still has
the state after the last complete call.
"""

import contextlib
import tempfile
import typing

import tensorflow as tf

from oneshot_tf.errors import UserError

# what TensorFlow raises in a worker when another one is lost
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


class Trained(typing.NamedTuple):
    """What an update changes.

    Attributes:
      learner: a built `Learner`.
      optimizer: its optimiser, built.
    """

    learner: typing.Any
    optimizer: typing.Any


def workers(strategy):
    """How many processes train."""
    extended = strategy.extended
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    return strategy.num_replicas_in_sync // len(extended.worker_devices)


def is_chief(strategy):
    """Whether this process writes checkpoints, logs and figures: the first of them does."""
    return strategy.extended.should_checkpoint


def folder(strategy, workdir):
    """A context: the run's folder for the chief, a temporary folder for every other worker."""
    if is_chief(strategy):
        return contextlib.nullcontext(workdir)
    return tempfile.TemporaryDirectory()


def losses(strategy):
    """The exceptions that mean a lost worker; none if there is only one."""
    return LOST if workers(strategy) > 1 else ()


def exchange(strategy):
    """A function by which every process learns the numbers of all processes.

    Returns:
      (Python int of 63 bits, one for all replicas of this process) -> list of those of every
      replica, in the order of their episodes.
    """
    size = strategy.num_replicas_in_sync

    @tf.function
    def compiled(number):
        def one():
            context = tf.distribute.get_replica_context()
            mine = tf.one_hot(context.replica_id_in_sync_group, size, number, 0, dtype=tf.int64)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, mine)

        return first_local(strategy, strategy.run(one))

    return lambda number: compiled(tf.constant(number, tf.int64)).numpy().tolist()


def check_equal(strategy, fingerprint):
    """Refuses workers that were started for different runs and would wait for each other forever.

    Args:
      strategy: a `tf.distribute.Strategy`.
      fingerprint: Python int of 63 bits, of all that must be equal.

    Raises:
      UserError: the fingerprints differ.
    """
    if workers(strategy) == 1:
        return
    found = exchange(strategy)(fingerprint)
    different = sorted({i for i, value in enumerate(found) if value != found[0]})
    if different:
        raise UserError(
            "All workers must be given the same options and data. Received: others than the "
            f"chief's in replicas {different}; start the same command on every worker"
        )


def first_local(strategy, value):
    """The value of this process's first replica."""
    return strategy.experimental_local_results(value)[0]


def everything(learner, optimizer):
    """All variables that a checkpoint of the two holds."""
    # `variables` leaves out the learning rate, which is a variable too
    return [*learner.variables, *optimizer.variables, optimizer.learning_rate]


class Replication:
    """Copies the state of the replicas to the kept copy, and back.

    Args:
      strategy: a `tf.distribute.Strategy`.
      trained: `Trained`, made inside the strategy's scope.
      kept: an equal `Trained` made outside it; `trained` itself on a single device.
    """

    def __init__(self, strategy, trained, kept):
        self.strategy, self.chief = strategy, is_chief(strategy)
        self.workers, self.losses = workers(strategy), losses(strategy)
        self._single = kept is trained
        self._variables, self._copies = everything(*trained), everything(*kept)
        # batch norm's running statistics: each replica has those of its own pictures
        self._own = [
            v
            for v in self._variables
            if v.synchronization == tf.VariableSynchronization.ON_READ and not self._single
        ]
        self._average, self._copy = tf.function(self._average), tf.function(self._copy)
        self._exchange = exchange(strategy)
        if not self._single:
            self._copy()  # the weights that a run begins with

    def spread(self, counters):
        """Sends the chief's copies to all replicas of all workers.

        Args:
          counters: further plain variables that all workers take over from the chief.
        """
        if self._single:
            return
        if self.workers > 1:
            values = tf.function(self._chiefs)([*self._copies, *counters])
            for copy, value in zip([*self._copies, *counters], values, strict=True):
                copy.assign(value)
        with self.strategy.scope():
            for variable, copy in zip(self._variables, self._copies, strict=True):
                variable.assign(copy.read_value())

    def _chiefs(self, values):
        """The first replica's values, on every replica."""

        def one():
            context = tf.distribute.get_replica_context()
            chief = tf.equal(context.replica_id_in_sync_group, 0)
            shared = [tf.where(chief, v, tf.zeros_like(v)) for v in values]
            for dtype in {v.dtype: None for v in shared}:  # one message holds numbers of one type
                alike = [i for i, v in enumerate(shared) if v.dtype == dtype]
                sums = context.all_reduce(tf.distribute.ReduceOp.SUM, [shared[i] for i in alike])
                for i, found in zip(alike, sums, strict=True):
                    shared[i] = found
            return shared

        return [first_local(self.strategy, value) for value in self.strategy.run(one)]

    def collect(self):
        """Updates the copies from the replicas.

        Running statistics become their means over the replicas. Everything that needs the other
        workers comes first, so that the copies stay complete if one of them is lost.
        """
        if self._single:
            return
        if self._own:
            self._average()
        if self.chief:
            self._copy()

    def _average(self):
        def one():
            context = tf.distribute.get_replica_context()
            values = [v.read_value() for v in self._own]
            means = context.all_reduce(tf.distribute.ReduceOp.MEAN, values)
            for variable, mean in zip(self._own, means, strict=True):
                variable.assign(mean)

        self.strategy.run(one)

    def _copy(self):
        for variable, copy in zip(self._variables, self._copies, strict=True):
            copy.assign(first_local(self.strategy, variable))

    def agree(self, code):
        """The exit code that all workers end with.

        Args:
          code: the code that this process was told to end with, or None.

        Returns:
          The code of any worker that has one, else None; the same on all workers.
        """
        if self.workers == 1:
            return code
        told = self._exchange(-1 if code is None else code)
        return max(told) if max(told) >= 0 else None
