"""Classifies your own pictures with an exported model, by a few examples of each class.

`python -m oneshot_tf.predict --export=runs/flmn-omniglot/export --support=DIR --query=new/*.png`
"""

import glob
import json
import os
import pathlib

import numpy as np

from oneshot_tf.commands import flags
from oneshot_tf.data import folder
from oneshot_tf.errors import UserError
from oneshot_tf.serving import model

OWN = {
    "export": (str, "an export: .../export/1, or .../export for the newest"),
    "support": (str, "folder of examples, DIR/<class>/*"),
    "query": (str, "pictures to classify: files or globs with commas between, or a folder"),
    "json": (bool, "print JSON, with the probabilities of all classes"),
}


def main(argv):
    """Prints a class for each picture. Returns the exit code."""
    parsed = flags.parse(["-m oneshot_tf.predict", *argv[1:]], OWN, [])
    for name in ("export", "support", "query"):
        if parsed.get(name) is None:
            raise UserError(f"--{name} is missing: {OWN[name][1]}")
    path = model.find_export(parsed.get("export"))
    classes = support_files(parsed.get("support"), check_export(path))
    queries = query_files(parsed.get("query"))
    support, labels = in_turns(classes)
    answers = rows(queries, model.of_export(path).classify(support, labels, queries))
    print(
        json.dumps(answers, indent=2, ensure_ascii=False) if parsed.get("json") else table(answers)
    )
    return 0


def check_export(path):
    """Refuses an export that classifies no pictures; the most classes that it tells apart, or None."""
    fields = model.read_fields(path)
    if {"classify_text", "choose_word"} & set(fields["signatures"]):
        raise UserError(
            f"{path} reads sentences, and --query are pictures; its model_card.md says how"
        )
    if "classify" not in fields["signatures"]:
        raise UserError(
            f"{path} answers sequences only (string labels); use a model with --label_encoding=one_hot"
        )
    return fields["way"]


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
        if not word.strip():  # which would be the current folder
            found = []
        elif path.is_dir():
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


def in_turns(classes):
    """The examples, classes in turn, since a sequence learner was trained on mixed classes.

    Args:
      classes: {class name: [file]}.

    Returns:
      (files, the class name of each).
    """
    longest = max(map(len, classes.values()))
    turns = [
        (files[turn], name)
        for turn in range(longest)
        for name, files in classes.items()
        if turn < len(files)
    ]
    return [file for file, _ in turns], [name for _, name in turns]


def rows(files, answers):
    """[{"file", "class", "probability", "runner_up", "probabilities"}], one a picture.

    Args:
      files: the queries.
      answers: `model.Answers`.
    """
    found, names = [], answers.classes
    for file, given in zip(files, answers.probabilities, strict=True):
        best, second = np.argsort(-given, kind="stable")[:2]
        found.append(
            {
                "file": str(file),
                "class": names[best],
                "probability": float(given[best]),
                "runner_up": names[second],
                "probabilities": {n: float(p) for n, p in zip(names, given, strict=True)},
            }
        )
    return found


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
