"""Two models on the same test episodes: their difference, episode by episode.

Much of what an interval over episodes is made of is how hard the episodes are. That is the same for
both models, so the interval of the difference is narrower than those of the two accuracies.
"""

import statistics

import numpy as np

from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import record_form, records, tables
from oneshot_tf.files import read_json

# what the episodes of a test are made by; of the ways and shots of few-shot tests each has its own
EPISODES = ("kind", "part", "seed", "episodes", "test_rotations", "augment_test", "mirrored_copies")
EPISODES += ("within_group",)
OF_SEQUENCES = ("way", "shot", "rounds")
OF_QUERIES = ("queries",)
# options of the run that decide it too, where a record has them: strings take more random numbers
OF_RUNS = {"model": ("label_encoding",), "data": ("max_sentences", "min_images")}


def conditions(record):
    """{name: value} of all that decides which episodes a record's test was made of."""
    protocol = record["protocol"]
    names = EPISODES + (OF_SEQUENCES if protocol["kind"] == "sequence" else OF_QUERIES)
    split = record.get("split", {}).get("sha256")
    return {"dataset": record["dataset"], "split": split, **{n: protocol.get(n) for n in names}}


def differing(a, b):
    """["eval seed: 0, 1"] of what makes the episodes of two records others."""
    ours, theirs = conditions(a), conditions(b)
    names = dict.fromkeys([*ours, *theirs])
    found = [(name, ours.get(name), theirs.get(name)) for name in names]
    for part, options in OF_RUNS.items():
        ours, theirs = (record.get("options", {}).get(part, {}) for record in (a, b))
        found += [(n, ours[n], theirs[n]) for n in options if n in ours and n in theirs]
    return [f"{name}: {one} and {other}" for name, one, other in found if one != other]


def choose(name, kept):
    """The records that a name stands for: those of a config, or the one of a file.

    Args:
      name: a config's name, or the path of a record.
      kept: records to look in.

    Raises:
      UserError: there are none.
    """
    if name.endswith(".json"):
        record = read_json(name)
        record_form.check(record, name)
        return [record]
    found = [record for record in kept if record["config"] == name]
    if not found:
        raise UserError(
            f"--paired takes two configs that have records, or two record files. Received: {name}, of "
            "which there is no record"
        )
    return found


def pairs(ours, theirs):
    """Records of two models on the same episodes.

    Args:
      ours: records of one model, of any tests and seeds.
      theirs: records of the other.

    Returns:
      [[(a, b), ...]]: a list for each test, in it a pair of records for each seed that both have; where
      each side is one record, their seeds may differ.

    Raises:
      UserError: no test of theirs is of the same episodes, or no seed is.
    """
    tests, alone = {}, len(ours) == len(theirs) == 1
    same = [(a, b) for a in ours for b in theirs if not differing(a, b)]
    if not same:
        why = min((differing(a, b) for a in ours for b in theirs), key=len)
        raise UserError(
            f"{ours[0]['config']} and {theirs[0]['config']} were not tested on the same episodes "
            f"({'; '.join(why)}); run eval.py again, on the same"
        )
    for a, b in same:
        if not set(a["accuracy"]) & set(b["accuracy"]):
            continue
        if alone or a["seed"] == b["seed"]:
            # fine-tuned, with other statistics: tests of one model that are told apart
            key = [[str(r["protocol"].get(n)) for n in tables.PROTOCOL] for r in (a, b)]
            tests.setdefault(str([a["dataset"], key]), []).append((a, b))
    if not tests:
        raise UserError(
            f"{ours[0]['config']} and {theirs[0]['config']} share no training seed and setting; name two record files"
        )
    return [sorted(found, key=lambda pair: pair[0]["seed"]) for found in tests.values()]


def difference(members, key):
    """What one model is better by at a setting or presentation.

    Args:
      members: [(a, b), ...], pairs of records on the same episodes, a pair a seed.
      key: of the record's accuracies.

    Returns:
      {"mean", "ci95", "spread"} of a - b in points of a percent: over episodes, of the mean over seeds,
      and the standard deviation over seeds, None of one.

    Raises:
      UserError: records of before the answers were kept.
    """
    rows = []
    for pair in members:
        found = [records.episodes(record, key) for record in pair]
        for record, accuracies in zip(pair, found, strict=True):
            if accuracies is None:
                raise UserError(
                    f"The record of {record['config']}, seed {record['seed']}, is of before records kept "
                    "every episode; test that run again by eval.py"
                )
        rows.append(found[0] - found[1])
    by_episode = np.mean(rows, axis=0)
    by_episode = by_episode[~np.isnan(by_episode)]
    many = len(by_episode) > 1
    half = 1.96 * float(by_episode.std(ddof=1)) / np.sqrt(len(by_episode)) if many else 0.0
    seeds = [float(np.nanmean(row)) for row in rows]
    spread = statistics.stdev(seeds) if len(seeds) > 1 else None
    return {"mean": float(by_episode.mean()), "ci95": float(half), "spread": spread}


def keys(members):
    """The settings or presentations that all records of some pairs have."""
    return [
        k for k in members[0][0]["accuracy"] if all(k in r["accuracy"] for p in members for r in p)
    ]


def text(ours, theirs):
    """Lines for a terminal: a table for each test that both models were given.

    Args:
      ours: records of the first model.
      theirs: records of the second.
    """
    parts = []
    for members in pairs(ours, theirs):
        first, second = members[0]
        names = [f"{r['config']}{tables.note(r)}" for r in (first, second)]
        seeds = sorted({(a["seed"], b["seed"]) for a, b in members})
        told = ", ".join(str(a) if a == b else f"{a} and {b}" for a, b in seeds)
        lines = [
            f"{names[0]} minus {names[1]}, on {first['dataset']}: {first['protocol']['episodes']} "
            f"episodes, trained with seed {told}",
            f"{'':>8} {'first':>8} {'second':>8} {'minus':>8} {'+- 95 %':>8} {'seeds':>7}",
        ]
        for key in keys(members):
            means = [
                statistics.fmean(pair[i]["accuracy"][key]["mean"] for pair in members)
                for i in (0, 1)
            ]
            found = difference(members, key)
            spread = "" if found["spread"] is None else f"{found['spread']:7.2f}"
            sure = "" if abs(found["mean"]) <= found["ci95"] else " *"
            lines.append(
                f"{key:>8} {means[0]:8.2f} {means[1]:8.2f} {found['mean']:+8.2f} {found['ci95']:8.2f} "
                f"{spread:>7}{sure}"
            )
        parts.append("\n".join(lines))
    words = (
        "* further from 0 than its interval over episodes, which is of these trainings alone; seeds: "
        "standard deviation over training seeds."
    )
    return "\n\n".join([*parts, words]) + "\n"
