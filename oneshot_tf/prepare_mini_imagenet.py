"""Makes the files of miniImageNet from those of ImageNet: `python -m oneshot_tf.prepare_mini_imagenet`. What it does is in `commands/prepare_mini_imagenet.py`."""

from oneshot_tf.commands import flags, prepare_mini_imagenet

if __name__ == "__main__":
    flags.run(prepare_mini_imagenet.main)
