"""Learning from one or a few examples with memory, in TensorFlow."""

import os

# TensorFlow's C++ start-up notes would bury the one-line messages of the commands.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"
