"""What the replicas of a run share, and the copy of it that one process keeps outside of them.

A run on several devices or machines trains *mirrored* variables. Everything else (checkpoints,
validation, pictures) works on plain copies, which are brought up to date after every call of the
loop. So the chief validates and saves alone, without a word from the others, and when another
worker is gone it still has the state of the last whole call.
"""

import contextlib
import tempfile
import typing

import tensorflow as tf

from oneshot_tf.errors import UserError

# what TensorFlow raises in a worker when another one is gone
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
    """A context of the run's folder for the chief; what other workers write is nobody's."""
    if is_chief(strategy):
        return contextlib.nullcontext(workdir)
    return tempfile.TemporaryDirectory()


def losses(strategy):
    """The exceptions that mean that another worker is gone; none where there are no others."""
    return LOST if workers(strategy) > 1 else ()


def exchange(strategy):
    """A function that tells each process the numbers of all.

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
    """Refuses workers that were started for different runs, which would wait for each other forever.

    Args:
      strategy: a `tf.distribute.Strategy`.
      fingerprint: Python int of 63 bits, of all that must be equal.

    Raises:
      UserError: not all have the same.
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
    # the rate is a variable of its own, which `variables` leaves out
    return [*learner.variables, *optimizer.variables, optimizer.learning_rate]


class Replication:
    """Brings the copy up to date with the replicas, and the replicas with the copy.

    Args:
      strategy: a `tf.distribute.Strategy`.
      trained: `Trained`, made inside the strategy's scope.
      kept: a like `Trained` made outside it; `trained` itself on a single device.
    """

    def __init__(self, strategy, trained, kept):
        self.strategy, self.chief = strategy, is_chief(strategy)
        self.workers, self.losses = workers(strategy), losses(strategy)
        self._single = kept is trained
        self._variables, self._copies = everything(*trained), everything(*kept)
        # running statistics of batch norm: each replica has those of its own pictures
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
        """Gives the chief's copies to all replicas of all workers.

        Args:
          counters: further plain variables that all workers shall have as the chief does.
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
        """The values that the first replica has, on every replica."""

        def one():
            context = tf.distribute.get_replica_context()
            chief = tf.equal(context.replica_id_in_sync_group, 0)
            shared = [tf.where(chief, v, tf.zeros_like(v)) for v in values]
            for dtype in {v.dtype: None for v in shared}:  # a message holds numbers of one kind
                alike = [i for i, v in enumerate(shared) if v.dtype == dtype]
                sums = context.all_reduce(tf.distribute.ReduceOp.SUM, [shared[i] for i in alike])
                for i, found in zip(alike, sums, strict=True):
                    shared[i] = found
            return shared

        return [first_local(self.strategy, value) for value in self.strategy.run(one)]

    def collect(self):
        """Brings the copies to where the replicas are.

        Running statistics become their means over the replicas. All that needs the other workers
        comes first: where one of them is gone, the copies stay whole, as they were.
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
        """The exit code that all workers shall end with.

        Args:
          code: None, or the one that this process was told to end with.

        Returns:
          That of any worker, or None; the same in all of them.
        """
        if self.workers == 1:
            return code
        told = self._exchange(-1 if code is None else code)
        return max(told) if max(told) >= 0 else None
