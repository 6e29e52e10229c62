"""Exports a trained model: `python -m oneshot_tf.export --workdir=runs/flmn-omniglot`."""

from oneshot_tf.commands import configs, flags
from oneshot_tf.errors import UserError
from oneshot_tf.runs import exporting
from oneshot_tf.test_options import VIEWS

OWN = {
    "workdir": (str, "the run's folder"),
    "output": (str, "where to write <n>/ (default: <workdir>/export)"),
    "checkpoint": (str, "best or last (default: best, or last where all classes trained)"),
    "record": (str, "record to put beside it (default: the newest of <workdir>/evaluation)"),
    "half": (bool, "keep large weights as float16, which takes half the bytes on disk"),
    "views": (int, "answer by the mean over 4 or 8 views of the pictures, as in eval.py"),
    "bn": (str, "batch norm's statistics of its answers, if not as the run says"),
    "test_steps": (int, "gradient steps of its answers, of a learner that adapts"),
    "finetune_steps": (
        int,
        "answer after so many Adam steps on the request's support (default: 0)",
    ),
    "finetune_rate": (float, "learning rate of these (default: 0.001)"),
    "finetune_match": (str, "own or softmax, as in eval.py (default: own)"),
}


def main(argv):
    """Writes a SavedModel with card and record; prints where. Returns the exit code."""
    parsed = flags.parse(["-m oneshot_tf.export", *argv[1:]], OWN, [])
    if parsed.get("workdir") is None:
        raise UserError("--workdir is missing: the folder of a trained run")
    if parsed.get("checkpoint") not in (None, "best", "last"):
        raise UserError(f"--checkpoint must be best or last. Received: {parsed.get('checkpoint')}")
    if parsed.get("views", 1) not in VIEWS:
        raise UserError(f"--views must be 1, 4 or 8. Received: {parsed.get('views')}")
    path = exporting.export(
        parsed.get("workdir"),
        parsed.get("output"),
        parsed.get("checkpoint"),
        parsed.get("record"),
        parsed.get("half", False),
        configs.paper_config,
        changed={n: parsed.get(n) for n in ("bn", "test_steps") if parsed.get(n) is not None},
        steps=parsed.get("finetune_steps", 0),
        rate=parsed.get("finetune_rate", 1e-3),
        match=parsed.get("finetune_match", "own"),
        views=parsed.get("views", 1),
    )
    print(f"export: {path}")
    print(f"Look into it: saved_model_cli show --dir {path} --all")
    return 0
