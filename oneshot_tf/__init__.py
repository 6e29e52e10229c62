"""Learning from one or a few examples with memory, in TensorFlow.

    run = oneshot_tf.train("matching", "omniglot", episodes=2000)
    record = oneshot_tf.evaluate(run, way=20, shot=1)
    model = oneshot_tf.load(run)
    answers = model.classify(support, labels, queries)

What is named here is imported when it is first asked for: `import oneshot_tf` starts no TensorFlow.
"""

import importlib
import os
import platform
import typing

# Both are read when TensorFlow is imported, and are left alone where the user has set them.
# Its C++ start-up notes would bury the one-line messages of the commands.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# It takes oneDNN's convolutions by itself only on processors with instructions for neural networks
# (AVX512_VNNI, AMX and the like); on one with AVX2 alone, a step of Conv4 takes half the time with them.
if platform.machine() in ("x86_64", "AMD64"):
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"

if typing.TYPE_CHECKING:
    from oneshot_tf.api import Run, draw, evaluate, export, load, train
    from oneshot_tf.errors import UserError
    from oneshot_tf.serving.model import Answers, Model

_PUBLIC = {
    "train": "oneshot_tf.api",
    "evaluate": "oneshot_tf.api",
    "load": "oneshot_tf.api",
    "export": "oneshot_tf.api",
    "draw": "oneshot_tf.api",
    "Run": "oneshot_tf.api",
    "Model": "oneshot_tf.serving.model",
    "Answers": "oneshot_tf.serving.model",
    "UserError": "oneshot_tf.errors",
}
__all__ = ["Answers", "Model", "Run", "UserError", "draw", "evaluate", "export", "load", "train"]


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return sorted([*globals(), *__all__])
