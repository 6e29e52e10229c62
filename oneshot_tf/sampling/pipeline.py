"""Episodes whose pictures are in files, read ahead by tf.data while the model trains."""

import contextlib
import gc
import os
import re
import weakref

import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.sampling.sampler import Sampler


def cores():
    """How many cores this process may use, or the machine has if the system does not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


PARALLEL = max(2, cores() or 1)  # batches that are decoded side by side, each by one thread
AHEAD = 2  # finished batches that wait for the model


def reads_files(sample):
    """Whether a sampler reads files for its episodes."""
    return isinstance(sample, Sampler) and sample.source.in_files


def episodes(sample, first, read):
    """The episodes from number `first` on, made from an element of `batches`.

    Args:
      sample: what draws episodes.
      first: integer scalar.
      read: what `sample.read(first)` gave; () draws them now.
    """
    return sample.finish(*read) if read else sample(first)


class Feed:
    """Gives the updates of a run their data, starting from any update.

    Episodes are functions of their number, so continuing from update n needs no state but n.
    """

    def __init__(self, sample, share, strategy):
        """
        Args:
          sample: `Sampler` of `share` episodes.
          share: episodes of a replica's part of a batch.
          strategy: a `tf.distribute.Strategy`.
        """
        self._make = lambda start: iter(batches(sample, share, strategy, start))
        self._open, self._next = {}, None
        # reading ahead runs Python and would wait for an interpreter that has already ended
        weakref.finalize(self, _close, self._open)

    def take(self, start, num):
        """An iterator whose next `num` elements are the updates start .. start + num - 1.

        It keeps reading ahead for as long as the feed exists.
        """
        if start != self._next:
            self._open["iterator"] = self._make(start)
        self._next = start + num
        return self._open["iterator"]


def _close(iterators):
    """Stops reading ahead. A compiled function may still hold the iterator as its argument."""
    for iterator in iterators.values():
        vars(iterator).clear()
    iterators.clear()
    gc.collect()


def batches(sample, share, strategy, start):
    """An endless data set of `Sampler.read`; each element is one replica's part of an update.

    Args:
      sample: `Sampler` of `share` episodes.
      share: episodes of a replica's part of a batch.
      strategy: a `tf.distribute.Strategy`; its workers make the parts of their own replicas.
      start: the first update.
    """

    def of_worker(context):
        replicas = context.num_replicas_in_sync
        local = replicas // context.num_input_pipelines
        before = context.input_pipeline_id * local

        def part(k):
            return ((start + k // local) * replicas + before + k % local) * share

        # fixed, not AUTOTUNE, so that memory does not grow with the length of a run
        return (
            tf.data.Dataset.counter()
            .map(lambda k: sample.read(part(k)), num_parallel_calls=PARALLEL, deterministic=True)
            .prefetch(AHEAD)
            .with_options(_own_threads())
        )

    return strategy.distribute_datasets_from_function(of_worker)


def _own_threads():
    """A thread pool of its own, so that decoding does not delay the model's operations."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = PARALLEL
    options.threading.max_intra_op_parallelism = 1
    return options


@contextlib.contextmanager
def user_errors():
    """Turns a `UserError` that was raised inside the graph back into a `UserError`.

    Raises:
      UserError: a picture file cannot be read; it is named.
    """
    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(r"UserError: (.*)", error.message)
        if not found:
            raise
        raise UserError(found[1]) from None
