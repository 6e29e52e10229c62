"""Classifies your own pictures with an exported model, by a few examples of each class.

`python -m oneshot_tf.predict --export=runs/flmn-omniglot/export --support=DIR --query=new/*.png`
"""

import glob
import json
import os
import pathlib

import numpy as np

from oneshot_tf.commands import flags
from oneshot_tf.data import folder, pictures
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

OWN = {
    "export": (str, "an export: .../export/1, or .../export for the newest"),
    "support": (str, "folder of examples, DIR/<class>/*"),
    "query": (str, "pictures to classify: files or globs with commas between, or a folder"),
    "json": (bool, "print JSON, with the probabilities of all classes"),
}
_AT_ONCE = 64  # queries of one request: bounds the memory


def main(argv):
    """Prints a class for each picture. Returns the exit code."""
    parsed = flags.parse(["-m oneshot_tf.predict", *argv[1:]], OWN, [])
    for name in ("export", "support", "query"):
        if parsed.get(name) is None:
            raise UserError(f"--{name} is missing: {OWN[name][1]}")
    path = find_export(parsed.get("export"))
    options, most = export_options(path)
    classes = support_files(parsed.get("support"), most)
    queries = query_files(parsed.get("query"))
    support, labels = read_support(classes, options)
    query = np.stack([read(file, options) for file in queries])
    answers = rows(queries, list(classes), classify(path, support, labels, query))
    print(
        json.dumps(answers, indent=2, ensure_ascii=False) if parsed.get("json") else table(answers)
    )
    return 0


def find_export(path):
    """The folder with `saved_model.pb`: `path`, or the largest number in it or in its `export/`."""
    path = pathlib.Path(path)
    for folder_ in (path, path / "export"):
        if (folder_ / "saved_model.pb").is_file():
            return folder_
        numbers = [p for p in folder_.glob("*/saved_model.pb") if p.parent.name.isdecimal()]
        if numbers:
            return max((p.parent for p in numbers), key=lambda p: int(p.name))
    raise UserError(
        f"--export must be the folder of an exported model, with saved_model.pb. Received: {path}; "
        "make one with python -m oneshot_tf.export"
    )


def export_options(path):
    """(`DataOptions` that pictures are prepared by, largest number of classes or None)."""
    try:
        fields = json.loads((path / "export.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}/export.json cannot be read ({error}); copy the whole folder of the export"
        ) from None
    if {"classify_text", "choose_word"} & set(fields["signatures"]):
        raise UserError(
            f"{path} reads sentences, and --query are pictures; its model_card.md says how"
        )
    if "classify" not in fields["signatures"]:
        raise UserError(
            f"{path} answers sequences only (string labels); use a model with --label_encoding=one_hot"
        )
    size, channels, ink = fields["image_size"], fields["channels"], fields["ink"]
    options = DataOptions(dataset="folder", image_size=size, channels=channels, ink=ink)
    return options, fields["way"]


def support_files(path, most):
    """{class name: [file]} of the examples; at most `most` classes."""
    if not pathlib.Path(path).is_dir():
        raise UserError(
            f"--support must be a folder, DIR/<class>/*. Received: {path}, which is none"
        )
    classes = folder.list_classes(path)
    empty = [name for name, files in classes.items() if not files]
    if len(classes) < 2 or empty:
        found = f"{empty[0]!r} has none" if empty else f"it has {len(classes)}"
        raise UserError(
            f"--support={path} must hold at least 2 folders, one a class, with a picture each; {found}"
        )
    if most is not None and len(classes) > most:
        raise UserError(
            f"--support={path} must hold at most {most} classes, as many as the model was trained "
            f"with. Received: {len(classes)}; remove some, or train with --way={len(classes)}"
        )
    return classes


def query_files(text):
    """The files of `--query`, in its order; those of a folder or a glob sorted."""
    files = []
    for word in [text] if os.path.exists(text) else text.split(","):
        path = pathlib.Path(word)
        if path.is_dir():
            inside = [p for p in sorted(path.iterdir()) if p.is_file()]
            found = [p for p in inside if p.name[0] != "." and p.name.lower() not in folder.JUNK]
        elif path.is_file():
            found = [path]
        else:
            found = [p for p in map(pathlib.Path, sorted(glob.glob(word))) if p.is_file()]
        if not found:
            raise UserError(
                f"--query must name pictures or a folder of them. Received: {word!r}, no file"
            )
        files += found
    return files


def read(path, options):
    """One picture as the model takes it: float32 [H, W, C] in [0, 1]."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check its rights") from None
    return pictures.prepare(content, str(path), options).astype(np.float32) / 255.0


def read_support(classes, options):
    """The examples, classes in turn, since a sequence learner was trained on mixed classes.

    Returns:
      (float32 [S, H, W, C], int64 [S]).
    """
    pairs = sorted(
        (
            (turn, label)
            for label, files in enumerate(classes.values())
            for turn in range(len(files))
        )
    )
    files = list(classes.values())
    support = np.stack([read(files[label][turn], options) for turn, label in pairs])
    return support, np.array([label for _, label in pairs], np.int64)


def classify(path, support, labels, query):
    """float32 [Q, way]: probabilities of the queries, by the export alone.

    Args:
      path: the export.
      support: float32 [S, H, W, C].
      labels: int64 [S].
      query: float32 [Q, H, W, C].
    """
    import tensorflow as tf

    try:
        model = tf.saved_model.load(str(path))
    except (tf.errors.OpError, OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"--export={path} cannot be loaded ({reason}); export again") from None
    answer = model.signatures["classify"]
    found = []
    for start in range(0, len(query), _AT_ONCE):
        got = answer(
            support_images=tf.constant(support[None]),
            support_labels=tf.constant(labels[None]),
            query_images=tf.constant(query[None, start : start + _AT_ONCE]),
        )
        found.append(got["probabilities"].numpy()[0])
    return np.concatenate(found)


def rows(files, names, probabilities):
    """[{"file", "class", "probability", "runner_up", "probabilities"}], one a picture."""
    answers = []
    for file, given in zip(files, probabilities, strict=True):
        best, second = np.argsort(-given, kind="stable")[:2]
        answers.append(
            {
                "file": str(file),
                "class": names[best],
                "probability": float(given[best]),
                "runner_up": names[second],
                "probabilities": {n: float(p) for n, p in zip(names, given, strict=True)},
            }
        )
    return answers


def table(answers):
    """The answers as lines for a terminal."""
    wide = {k: max(len(k), *(len(a[k]) for a in answers)) for k in ("file", "class")}
    lines = [f"{'file':<{wide['file']}}  {'class':<{wide['class']}}  probability  runner-up"]
    for a in answers:
        second = f"{a['runner_up']} ({a['probabilities'][a['runner_up']]:.3f})"
        lines.append(
            f"{a['file']:<{wide['file']}}  {a['class']:<{wide['class']}}  "
            f"{a['probability']:>11.3f}  {second}"
        )
    return "\n".join(lines)
