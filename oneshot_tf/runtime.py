"""Settings of the process and the device, in one place."""

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.errors import UserError


def setup(options):
    """Seeds, memory growth, determinism and devices; call before any tensor is made.

    Args:
      options: `TrainOptions`.

    Returns:
      The `tf.distribute.Strategy` to train under.

    Raises:
      UserError: more replicas than devices, or a batch that they cannot share.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    keras.utils.set_random_seed(options.seed)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    if options.batch_size % options.replicas:
        raise UserError(
            f"--batch_size must be a multiple of --replicas. Received: {options.batch_size} and "
            f"{options.replicas}"
        )
    if options.replicas == 1:
        return tf.distribute.get_strategy()
    gpus = tf.config.list_physical_devices("GPU")  # logical ones would start TensorFlow
    if gpus:
        if len(gpus) < options.replicas:
            raise UserError(
                f"--replicas must be at most the number of GPUs, {len(gpus)}. "
                f"Received: {options.replicas}"
            )
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(options.replicas)])
    split_cpu(options.replicas)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(options.replicas)])


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
