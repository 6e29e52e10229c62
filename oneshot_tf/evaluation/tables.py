"""Markdown tables made of records, and of nothing else."""

import json
import math
import pathlib
import statistics

import numpy as np

from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import papers, record_form, records
from oneshot_tf.evaluation.paper_protocols import PROTOCOLS
from oneshot_tf.files import read_json, write_text

PRESENTATIONS = ("1", "2", "3", "4", "5", "10")  # the columns of the papers' tables
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
# what makes two tests the same protocol; the number and seed of the episodes only say how sure
PROTOCOL = ("kind", "part", "way", "shot", "queries", "test_rotations", "augment_test", "bn")
PROTOCOL += ("finetune", "orders", "oracle", "mirrored_copies", "within_group", "views", "rounds")
PROTOCOL += ("steps",)
BN = {"support": "support's statistics", "batch": "whole episode's statistics: transductive"}
# by split; `flmn` is drawn at random too, as are the splits of all papers that its rows stand beside
SPLITS = {"characters": "characters split at random"}
USUAL = {"5w1s", "5w5s", "10w1s", "20w1s", "20w5s"}  # columns of the table that all can be in
HEAD = ["config", "tested on", "seeds", "episodes"]
CHANGED = "†"
LEGEND = """Accuracy in %. In `82.5 ± 0.3 (1.05)`, 82.5 is the mean over training seeds. ± 0.3 is the
standard deviation over these seeds: how much the number changes when the model is trained again. (1.05)
is half of the 95 % interval over test episodes: how much it may change with other test episodes. All seeds
are tested on the same ones, so more seeds do not make that smaller. Of one seed, there is no ±. Two models
on the same episodes can be told apart more finely than that: `python -m oneshot_tf.report --paired=A,B`.
The column *episodes* says how many the tested checkpoint was trained on."""


def read_records(folder):
    """The records in a folder, by file name.

    Raises:
      UserError: no such folder, or a file that is no record.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise UserError(
            f"--results={folder} is no folder; python eval.py --results={folder} makes it"
        )
    found = []
    for path in sorted(folder.glob("*.json")):
        found.append(read_json(path))
        record_form.check(found[-1], path)
    return found


def test_of(record):
    """What two records have in common that differ in nothing but the seed."""
    protocol = record["protocol"]
    key = (record["config"], record["dataset"], json.dumps(record.get("split", {}).get("sha256")))
    return key + tuple(json.dumps(protocol.get(name)) for name in PROTOCOL)


def group(records):
    """Tests that differ in nothing but the seed.

    Args:
      records: tests on validation classes are left out.

    Returns:
      List of lists of records, by config, data set and protocol; in each, by seed.

    Raises:
      UserError: two records of one seed.
    """
    groups = {}
    for record in records:
        if record["protocol"].get("part", "test") == "test":
            groups.setdefault(test_of(record), []).append(record)
    for (config, dataset, *_), members in groups.items():
        seeds = [record["seed"] for record in members]
        if len(set(seeds)) < len(seeds):
            raise UserError(
                f"Two records of {config} on {dataset} have the same seed and protocol "
                f"(seeds {sorted(seeds)}); delete one"
            )
    return [sorted(groups[key], key=lambda r: r["seed"]) for key in sorted(groups)]


def mean_and_spread(values):
    """ "91.2 ± 0.4": mean and standard deviation over seeds; of one seed only the mean."""
    mean = f"{statistics.fmean(values):.1f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.1f}"


def interval(members, key):
    """Half of the 95 % interval over test episodes of a group's mean.

    Where records have their episodes and share them, it is that of each episode's mean over seeds; of
    earlier records, the mean of the seeds' own intervals, which is a little more.
    """
    found = [records.episodes(record, key) for record in members]
    tests = {(r["protocol"].get("seed"), r["protocol"].get("episodes")) for r in members}
    if len(tests) > 1 or any(right is None for right in found):
        return statistics.fmean(record["accuracy"][key]["ci95"] for record in members)
    means = np.mean(found, axis=0)
    means = means[~np.isnan(means)]
    return 1.96 * float(means.std(ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else 0.0


def cell(members, key):
    """One cell of a group's row; empty where not all of its records have the key."""
    values = [record["accuracy"][key]["mean"] for record in members if key in record["accuracy"]]
    if len(values) < len(members):
        return ""
    return f"{mean_and_spread(values)} ({interval(members, key):.2f})"


def episodes(members):
    """How long a group was trained: "100,000", or from the fewest to the most."""
    counts = sorted({record["train"]["episodes"] for record in members})
    return " to ".join(f"{count:,}" for count in dict.fromkeys([counts[0], counts[-1]]))


def rows(groups, keys):
    """Two lines of cells for each group: ours, and the paper's where there is one."""
    lines = []
    for members in groups:
        first = members[0]
        sign = CHANGED if any(records.changed_tree(record) for record in members) else ""
        name = f"`{first['config']}`{sign}{note(first)}"
        ours = [cell(members, key) for key in keys]
        lines.append([name, first["dataset"], str(len(members)), episodes(members), *ours])
        if first["paper"] and any(key in first["paper"] for key in keys):
            theirs = [
                f"*{first['paper'][key]:.1f}*" if key in first["paper"] else "" for key in keys
            ]
            lines.append(["*the paper's*", "", "", "", *theirs])
    return lines


def note(record):
    """What is uncommon about a record's test, in words."""
    protocol, split = record["protocol"], record.get("split", {}).get("name")
    notes = [SPLITS[split]] if split in SPLITS else []
    notes += [
        words
        for name, words in [
            ("test_rotations", "rotated classes are classes"),
            ("augment_test", "pictures turned and shifted"),
            ("within_group", "an episode's classes are of one group"),
        ]
        if protocol.get(name)
    ]
    if "trained_classes" in record.get("split", {}):
        notes.append(f"{record['split']['trained_classes']} of its classes were trained on")
    if "finetune" in protocol:
        softmax = " with a softmax" if protocol["finetune"]["match"] == "softmax" else ""
        rate = f" at {protocol['finetune']['rate']}" if "rate" in protocol["finetune"] else ""
        notes.append(f"fine-tuned{softmax}, {protocol['finetune']['steps']} steps{rate}")
    if "steps" in protocol:
        steps = protocol["steps"]
        notes.append(f"{steps} gradient step{'' if steps == 1 else 's'}")
    if "orders" in protocol:
        notes.append(f"mean over {protocol['orders']} orders of the support")
    if "rounds" in protocol:
        notes.append(f"all {protocol['way']} classes once, then again")
    if "views" in protocol:
        notes.append(f"mean over {protocol['views']} views of the pictures")
    if "mirrored_copies" in protocol:
        notes.append("a picture's mirror image is another picture")
    if protocol.get("oracle"):
        notes.append("oracle: its encoder has seen the test classes")
    if protocol.get("bn", "running") != "running":
        notes.append(f"batch norm by the {BN[protocol['bn']]}")
    return f" ({', '.join(notes)})" if notes else ""


def markdown(head, lines):
    """A markdown table; what follows the second column is aligned to the right."""
    rule = ["---"] * 2 + ["---:"] * (len(head) - 2)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def sequence_table(groups):
    """Accuracy by presentation, or None where no record is of that kind."""
    chosen = [g for g in groups if g[0]["protocol"]["kind"] == "sequence"]
    if not chosen:
        return None
    return markdown([*HEAD, *PRESENTATIONS], rows(chosen, PRESENTATIONS))


def few_shot_tables(groups, usual=True):
    """Accuracy on queries by way and shot: one table, or several of unlike columns.

    Args:
      groups: of `group`.
      usual: tests at none but the usual ways and shots, in one table; otherwise all others, a table
        for those of the same ways and shots.

    Returns:
      A list of tables, empty where no record is of that kind.
    """
    alike = {}
    for g in groups:
        keys = tuple(g[0]["accuracy"])
        if g[0]["protocol"]["kind"] == "few_shot" and USUAL.issuperset(keys) == usual:
            alike.setdefault(() if usual else keys, []).append(g)
    return [_few_shot_table(members) for members in alike.values()]


def _few_shot_table(groups):
    keys = sorted({k for g in groups for r in g for k in r["accuracy"]}, key=_way_and_shot)
    words = ["{}-way {}-shot".format(*_way_and_shot(key)) for key in keys]
    return markdown([*HEAD, *words], rows(groups, keys))


def _way_and_shot(key):
    """(5, 1) of "5w1s"."""
    way, _, shot = key.removesuffix("s").partition("w")
    return int(way), int(shot)


def text(records):
    """All tables, with what has to be known to read them."""
    groups = group(records)
    parts = [" ".join(LEGEND.split())]
    sequence, few_shot = sequence_table(groups), few_shot_tables(groups)
    others = few_shot_tables(groups, usual=False)
    if sequence:
        parts += ["Sequences, by how often the class has been shown:", sequence]
    if few_shot:
        parts += ["Queries after a support set:", *few_shot]
    if others:
        parts += ["Queries after a support set, at other ways and shots:", *others]
    if len(parts) == 1:
        return "No records yet: `python eval.py --workdir=... --results=results` writes them.\n"
    return "\n\n".join([*parts, *footnotes(groups)]) + "\n"


def footnotes(groups):
    """What signs mean, and which protocols the papers' rows are of."""
    found, shown = [], [record for members in groups for record in members]
    if any(records.changed_tree(record) for record in shown):
        found.append(
            f"{CHANGED} A seed or more was trained by files that differed from the commit in its record."
        )
    rows = sorted({row for row in map(papers.row_of, shown) if row})
    same = {}  # protocol -> configs that are compared with a row of it
    for row in rows:
        plain = row.partition("#")[0].partition("@")[0]
        if plain in PROTOCOLS:
            same.setdefault(PROTOCOLS[plain].words, []).append(f"`{plain}`")
    lines = [f"- {', '.join(dict.fromkeys(rows))}: {words}." for words, rows in same.items()]
    if lines:
        words = "What the papers' rows are measured on, as far as it is known, by `--paper_row`:"
        found.append("\n".join([words, "", *lines]))
    return found


def replace(path, content):
    """Puts `content` between the two marks of a file.

    Raises:
      UserError: the file cannot be read, or does not have each mark once, in order.
    """
    path = pathlib.Path(path)
    try:
        before = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"--page={path} cannot be read ({error.strerror})") from None
    in_order = before.find(BEGIN) < before.find(END)
    if before.count(BEGIN) != 1 or before.count(END) != 1 or not in_order:
        raise UserError(f"--page={path} must have the lines {BEGIN} and {END}, once each, in order")
    head, rest = before.split(BEGIN)
    after = f"{head}{BEGIN}\n{content}{END}{rest.split(END)[1]}"
    if after != before:
        write_text(path, after)
