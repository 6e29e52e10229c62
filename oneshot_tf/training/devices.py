"""Settings of the process and its devices."""

import dataclasses
import pathlib

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.errors import UserError
from oneshot_tf.training import cluster


def setup(options):
    """Seeds, memory growth, determinism and devices; call before any tensor is made.

    Args:
      options: `TrainOptions`.

    Returns:
      The `tf.distribute.Strategy` to train under. That of several machines waits for all of them.

    Raises:
      UserError: devices or machines that are not there, or a batch that they cannot share.
    """
    gpus = tf.config.list_physical_devices("GPU")  # logical ones would start TensorFlow
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    keras.utils.set_random_seed(options.seed)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = options.strategy or ("mirrored" if options.replicas > 1 else "one")
    replicas = count_replicas(options, strategy, len(gpus))
    if options.batch_size % replicas:
        raise UserError(
            f"--batch_size must be a multiple of --replicas. Received: {options.batch_size} and "
            f"{replicas}"
        )
    if strategy == "multi_worker":
        return join(cluster.read())
    if strategy == "one":
        return tf.distribute.get_strategy()
    if gpus:
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(replicas)])
    split_cpu(replicas)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])


def count_replicas(options, strategy, gpus):
    """How many devices share a batch, on all machines together.

    Args:
      options: `TrainOptions`.
      strategy: "one", "mirrored" or "multi_worker".
      gpus: GPUs of this machine; those of a cluster are taken to have as many each.

    Raises:
      UserError: `--replicas` says something else.
    """
    asked = options.replicas
    if strategy == "one":
        if asked > 1:
            raise UserError(f"--strategy=one has one device; leave out --replicas={asked}")
        return 1
    if strategy == "multi_worker":
        there = len(cluster.read().addresses) * max(gpus, 1)
        if asked not in (1, there):
            raise UserError(
                f"--replicas must be that of all workers of TF_CONFIG, {there}; leave it out. "
                f"Received: {asked}"
            )
        return there
    if gpus and asked > gpus:
        raise UserError(f"--replicas must be at most the number of GPUs, {gpus}. Received: {asked}")
    if not gpus and asked == 1:
        raise UserError(
            "--strategy=mirrored needs GPUs, or --replicas=N for N parts of the CPU. Received: no "
            "GPU and --replicas=1"
        )
    return asked if asked > 1 else gpus


def join(machines):
    """The strategy of several machines, once all of them are there.

    Args:
      machines: `cluster.Cluster`.

    Raises:
      UserError: the address of this worker is taken or is not of this machine.
    """
    own = machines.addresses[machines.number]
    print(
        f"Worker {machines.number + 1} of {len(machines.addresses)}, at {own}: waits for the others",
        flush=True,
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except (tf.errors.OpError, RuntimeError) as error:
        raise UserError(
            f"Worker {machines.number + 1} cannot join the others from {own} "
            f"({cluster.reason(error)}); is the port free, and are all workers started?"
        ) from None


def with_replicas(config, strategy):
    """The `RunConfig` with the actual number of replicas, as `config.json` and records state it."""
    train = dataclasses.replace(config.train, replicas=strategy.num_replicas_in_sync)
    return dataclasses.replace(config, train=train)


def faster_in_half():
    """Whether convolutions are faster in bfloat16 here: 1.7 times on processors that multiply it.

    Others emulate it, and are slower for it. GPUs were not measured.
    """
    if tf.config.list_physical_devices("GPU"):
        return False
    return bool({"avx512_bf16", "amx_bf16"} & set(processor("flags").split()))


def processor(field, path="/proc/cpuinfo"):
    """What the system says of this machine's processor, such as its "flags"; "" where it does not."""
    info = pathlib.Path(path)
    lines = info.read_text().splitlines() if info.is_file() else []
    found = (line.partition(":")[2].strip() for line in lines if line.startswith(field))
    return next(found, "")


def split_cpu(parts):
    """Makes `parts` logical devices of the CPU.

    Raises:
      UserError: TensorFlow is already running in this process.
    """
    (cpu,) = tf.config.list_physical_devices("CPU")
    if len(tf.config.get_logical_device_configuration(cpu) or []) == parts:
        return
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * parts
        )
    except RuntimeError:
        raise UserError("--replicas needs a fresh process; TensorFlow is already running") from None
