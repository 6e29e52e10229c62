"""Classifies your own pictures with an exported model, by a few examples of each class.

`python -m oneshot_tf.predict --export=runs/flmn-omniglot/export --support=DIR --query=new/*.png`

Queries in folders of their classes, as the examples are, are counted too: how many answers are right.
"""

import glob
import json
import os
import pathlib
import sys

import numpy as np

from oneshot_tf.commands import flags
from oneshot_tf.data import folder
from oneshot_tf.errors import UserError
from oneshot_tf.serving import model

OWN = {
    "export": (str, "an export: .../export/1, or .../export for the newest"),
    "support": (str, "folder of examples, DIR/<class>/*"),
    "query": (
        str,
        "pictures to classify: files or globs with commas between, or a folder of pictures; of a folder "
        "DIR/<class>/*, how many answers are right is counted",
    ),
    "json": (bool, "print JSON, with the probabilities of all classes"),
}


def main(argv):
    """Prints a class for each picture. Returns the exit code."""
    parsed = flags.parse(["-m oneshot_tf.predict", *argv[1:]], OWN, [])
    for name in ("export", "support", "query"):
        if parsed.get(name) is None:
            raise UserError(f"--{name} is missing: {OWN[name][1]}")
    path = model.find_export(parsed.get("export"))
    fields = model.read_fields(path)
    check_export(path, fields)
    classes = support_files(parsed.get("support"), fields["way"])
    asked = labelled_queries(parsed.get("query"), classes)
    queries = query_files(parsed.get("query")) if asked is None else [file for file, _ in asked]
    warn_of_unequal(classes, fields)
    support, labels = in_turns(classes)
    answers = rows(queries, model.of_export(path).classify(support, labels, queries))
    right = None if asked is None else count_right(answers, [name for _, name in asked])
    if parsed.get("json"):
        found = answers if right is None else {"answers": answers, **right}
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print(table(answers) if right is None else f"{table(answers)}\n\n{summary(right)}")
    return 0


def check_export(path, fields):
    """Refuses an export that classifies no pictures, by what its `export.json` says."""
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
                "--query must name pictures or a folder of them (or one folder DIR/<class>/*, alone). "
                f"Received: {word!r}, no file"
            )
        files += found
    return files


def labelled_queries(text, classes):
    """The queries of a folder of folders, DIR/<class>/*, which say what is right.

    Args:
      text: `--query`.
      classes: {class name: [file]} of the examples.

    Returns:
      [(file, class name)], sorted; None where `text` is no such folder. One that holds pictures itself
      is a folder of pictures, whatever else is in it.

    Raises:
      UserError: a class has no examples, or a query is an example itself.
    """
    if not text.strip() or not os.path.isdir(text):
        return None
    found = {name: files for name, files in folder.list_classes(text).items() if files}
    if not found or any(path.is_file() for path in folder.visible(pathlib.Path(text))):
        return None
    unknown = [repr(name) for name in found if name not in classes]
    if unknown:
        raise UserError(
            f"--query={text} has classes of which --support has no examples: {', '.join(unknown)}; the "
            f"examples are of {', '.join(map(repr, classes))}"
        )
    examples = {path.resolve() for files in classes.values() for path in files}
    asked = [(path, name) for name, files in found.items() for path in files]
    both = [path for path, _ in asked if path.resolve() in examples]
    if both:
        raise UserError(
            f"--query={text} must hold other pictures than --support: an example is no test. Received: "
            f"{len(both)} in both, the first is {both[0]}"
        )
    return asked


def warn_of_unequal(classes, fields):
    """Says on stderr that unequal numbers of examples sway the answers, where they do.

    Args:
      classes: {class name: [file]} of the examples.
      fields: what `export.json` says.
    """
    sizes = sorted(map(len, classes.values()))
    if sizes[0] < sizes[-1] and adds_up(fields):
        print(
            f"The classes have {sizes[0]} to {sizes[-1]} examples, and this model adds up what all of "
            "them say: a class with more of them is answered more often; give every class as many",
            file=sys.stderr,
        )


def adds_up(fields):
    """Whether all examples of a class add up in an export's answer, by what `export.json` says."""
    if "adds_up" in fields:
        return fields["adds_up"]
    # an export of before it was said: by the model's default; others need nothing of the models
    from oneshot_tf import models

    name = fields.get("model")
    if name not in models.MODELS or model.has_own_softmax(fields):
        return False
    return models.find(name).adds_up


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


def count_right(answers, names):
    """How many answers are right, in all and of each class.

    Args:
      answers: as of `rows`.
      names: the right class of each.

    Returns:
      {"right", "asked", "classes": {class name: {"right", "asked"}}}, for the classes in `names`.
    """
    classes = {name: {"right": 0, "asked": 0} for name in names}
    for answer, name in zip(answers, names, strict=True):
        classes[name]["right"] += int(answer["class"] == name)
        classes[name]["asked"] += 1
    right = sum(counts["right"] for counts in classes.values())
    return {"right": right, "asked": len(names), "classes": classes}


def summary(right):
    """What `count_right` gives as lines for a terminal."""
    wide = max(len("right"), *map(len, right["classes"]))
    lines = {"right": right, **{f"  {name}": counts for name, counts in right["classes"].items()}}
    return "\n".join(
        f"{name:<{wide + 2}}  {counts['right']} of {counts['asked']} "
        f"({100 * counts['right'] / counts['asked']:.1f} %)"
        for name, counts in lines.items()
    )


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
