"""Makes stored results again, and says whether they agree: `python -m oneshot_tf.reproduce`.

python -m oneshot_tf.reproduce --quick                       a short budget: does this machine make it?
python -m oneshot_tf.reproduce --table=flmn --dry_run        what a table would cost
python -m oneshot_tf.reproduce --row=matching_omniglot       trains and tests the seeds that are stored
"""

import functools
import pathlib
import statistics
import typing

from oneshot_tf.commands import configs, flags, jobs
from oneshot_tf.commands.retest import eval_words, setting_changes
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import agreement, records, tables
from oneshot_tf.files import read_json
from oneshot_tf.training.logging import read_metrics

QUICK = "quick"
OWN = {
    "row": (str, "a config, or several with commas between"),
    "table": (str, "a table of configs/tables.json, or several with commas between"),
    "quick": (bool, "the table `quick`, a few minutes, held against results/quick"),
    "seeds": (str, "training seeds, such as 0,1,2 (default: those that are stored)"),
    "jobs": (int, "trainings side by side, each on its share of the cores (default: 1)"),
    "dry_run": (bool, "only says what there is to do, and what it costs"),
    "workdir": (str, "the folder of the run folders (default: runs)"),
    "results": (str, "the folder that gets the new records (default: reproduced)"),
    "stored": (str, "the folder of the stored records (default: results)"),
    "data_dir": (str, "where the data is"),
}


class Row(typing.NamedTuple):
    """A config to make again.

    Attributes:
      config: its name.
      tests: [stored records of one test, by seed]; nothing where none are stored.
      seeds: training seeds.
      changes: ["--name (stored X, now Y)"], settings in which the stored records are of another config.
    """

    config: str
    tests: list
    seeds: tuple
    changes: list


def main(argv):
    """Trains and tests what is missing, and holds it against what is stored.

    Returns:
      0, or 1 where a run failed or a number differs.
    """
    parsed = flags.parse(["-m oneshot_tf.reproduce", *argv[1:]], OWN, [])
    quick = parsed.get("quick", False)
    stored = pathlib.Path(parsed.get("stored", "results/quick" if quick else "results"))
    results = pathlib.Path(parsed.get("results", "reproduced"))
    count = parsed.get("jobs", 1)
    if count < 1:
        raise UserError(f"--jobs must be at least 1. Received: {count}")
    kept = kept_in(stored)
    rows = [row_of(name, kept, parsed.get("seeds")) for name in chosen(parsed)]
    made = made_in(results, rows)
    todo = jobs_of(rows, made, parsed.get("workdir", "runs"), results, parsed.get("data_dir"))
    print(plan_text(rows, todo, count))
    if parsed.get("dry_run"):
        return 0
    try:
        ended = jobs.run_all(list(todo.values()), count, tell)
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from the last checkpoints")
        return 130
    text, differs = compare(rows, made_in(results, rows), results.resolve() == stored.resolve())
    print(text)
    return int(differs or any(done.code for done in ended))


def kept_in(folder):
    """The records in a folder; none where it is not there."""
    return tables.read_records(folder) if folder.is_dir() else []


def made_in(folder, rows):
    """The records in a folder that are of configs as they are now."""
    current = {row.config: configs.named(row.config) for row in rows}
    return [
        record
        for record in kept_in(folder)
        if record["config"] in current and not setting_changes(current[record["config"]], record)
    ]


def chosen(parsed):
    """The configs that a command line names.

    Raises:
      UserError: none, or one that is not there.
    """
    known, found = configs.tables(), []
    named = flags.listed(parsed.get("table")) + ([QUICK] if parsed.get("quick") else [])
    for table in named:
        configs.check_name("table", table, known)
        found += known[table]
    for row in flags.listed(parsed.get("row")):
        configs.check_name("config", row, configs.names())
        found.append(row)
    if not found:
        raise UserError(
            f"--row=CONFIG, --table=NAME or --quick says what to make again; tables: {', '.join(known)}"
        )
    return list(dict.fromkeys(found))


def row_of(name, kept, seeds):
    """The `Row` of a config.

    Args:
      name: the config.
      kept: stored records.
      seeds: "0,1,2", or None for those that are stored.
    """
    tests = tables.group([record for record in kept if record["config"] == name])
    wanted = sorted({record["seed"] for test in tests for record in test}) or [0]
    if seeds is not None:
        wanted = flags.read_numbers("seeds", seeds)
    config = configs.named(name)
    return Row(name, tests, tuple(wanted), setting_changes(config, tests[0][0]) if tests else [])


def jobs_of(rows, made, workdir, results, data_dir=None):
    """{(config, seed): `Job`} of what has no record yet: a training, which resumes, and the tests.

    Args:
      rows: `Row`s.
      made: records that are there already.
      workdir: the folder of the run folders.
      results: the folder that gets the records.
      data_dir: where the data is, or None.
    """
    there = {(tables.test_of(record), record["seed"]) for record in made}
    tested = {(record["config"], record["seed"]) for record in made}
    data = [f"--data_dir={data_dir}"] if data_dir else []
    found = {}
    for row in rows:
        for seed in row.seeds:
            name = f"{row.config}-seed{seed}"
            folder = pathlib.Path(workdir) / name
            missing = [
                test[0] for test in row.tests if (tables.test_of(test[0]), seed) not in there
            ]
            tests = [eval_words(record) for record in missing]
            if not row.tests and (row.config, seed) not in tested:
                tests = [[]]  # nothing is stored: the model's usual test
            if tests:
                flagfile = f"--flagfile={configs.CONFIGS / row.config}.flags"
                train = [flagfile, f"--seed={seed}", f"--workdir={folder}", *data]
                common = [f"--workdir={folder}", f"--results={results}", *data]
                commands = [("train", train), *(("eval", common + words) for words in tests)]
                log = folder.with_name(f"{name}.log")
                config = configs.named(row.config)
                before = functools.partial(
                    before_tests, folder, config, seed, pathlib.Path(results)
                )
                found[row.config, seed] = jobs.Job(name, commands, log, before)
    return found


def before_tests(folder, config, seed, results):
    """Makes place for the records of a trained run; why it cannot be tested yet, or None.

    Records of a config as it was before are set aside, as `.json.old`: a test overwrites none of them.

    Args:
      folder: the run's folder.
      config: the `RunConfig` of its config as it is now.
      seed: its seed.
      results: the folder that gets the records.
    """
    stopped = stopped_at(folder, config.train)
    if stopped:
        return stopped
    for path in sorted(results.glob("*.json")):
        record = read_json(path)
        same = (record["config"], record["seed"]) == (config.name, seed)
        if same and setting_changes(config, record):
            path.rename(path.with_name(f"{path.name}.old"))
    return None


def stopped_at(folder, train):
    """Why a run has not come to its end, or None: one that was told to end has ended well before."""
    path = folder / "metrics.jsonl"
    lines = read_metrics(path) if path.is_file() else []
    done = max((line["episode"] for line in lines if line["kind"] == "train"), default=0)
    if done >= train.episodes:
        return None
    return f"stopped at {done:,} of {train.episodes:,} episodes; the same command goes on"


def cost(row):
    """(seconds of one training, machines and loads) by the stored records, or (None, None)."""
    trained = {r["seed"]: r["train"] for test in row.tests for r in test if "seconds" in r["train"]}
    if not trained:
        return None, None
    machines = dict.fromkeys(map(_machine, trained.values()))
    return statistics.fmean(train["seconds"] for train in trained.values()), "; ".join(machines)


def _machine(train):
    """ "AMD EPYC, 2 cores, load 1.5": what seconds are worth is told by both."""
    name = train.get("machine") or "unknown machine"
    return name if train.get("load") is None else f"{name}, load {train['load']:.1f}"


def plan_text(rows, todo, count):
    """What there is to do and what it costs, a line for each config."""
    width = max(len(row.config) for row in rows)
    lines = [f"{'config':<{width}}  {'seeds':<8} {'to make':<8} {'a training':>10}  tests  machine"]
    total, unknown = 0.0, 0
    for row in rows:
        seconds, machine = cost(row)
        left = [seed for seed in row.seeds if (row.config, seed) in todo]
        told = "unknown" if seconds is None else f"{seconds / 60:.0f} min"
        seeds, missing = (",".join(map(str, found)) or "none" for found in (row.seeds, left))
        lines.append(
            f"{row.config:<{width}}  {seeds:<8} {missing:<8} {told:>10}  {len(row.tests) or 1:>5}  "
            f"{machine or 'no stored record'}"
        )
        if row.changes:
            lines.append(f"  stored with other settings: {', '.join(row.changes)}")
        if seconds is None:
            unknown += len(left)
        else:
            total += seconds * len(left)
    more = f", and {unknown} of them of unknown length" if unknown else ""
    lines.append(
        f"Trainings to make: {len(todo)}, {total / 3600:.1f} hours one after the other, at the speed of the "
        f"stored ones{more}; --jobs={count}. Tests take a minute or two each."
    )
    return "\n".join(lines)


def tell(done):
    """Says how a job ended."""
    if done.code:
        print(f"{done.job.name}: failed ({done.words}); {done.job.log} has the rest", flush=True)
    else:
        print(f"{done.job.name}: done in {done.seconds / 60:.1f} min", flush=True)


def compare(rows, made, same_folder):
    """(text, whether a number differs) of what was made beside what is stored.

    Args:
      rows: `Row`s.
      made: the records made here.
      same_folder: they are the stored ones: there is nothing to hold them against.
    """
    parts, differs = [], False
    for row in rows:
        if not row.tests or same_folder:
            parts.append(f"{row.config}: no stored record to hold it against")
        for test in [] if same_folder else row.tests:
            key = tables.test_of(test[0])
            ours = [r for r in made if tables.test_of(r) == key and r["seed"] in row.seeds]
            if not ours:
                parts.append(f"{row.config} on {test[0]['dataset']}: no new record")
                continue
            held = agreement.hold(test, ours)
            parts.append(held_text(row, test, ours, held))
            differs |= not row.changes and not all(one.agrees for one in held)
    words = (
        f"+-: half of the 99 % interval of the difference: episodes, and trainings, which differ (of fewer "
        f"than two seeds each: by {100 * agreement.SHARE:.0f} % of the error, at least "
        f"{agreement.LEAST} points)."
    )
    return "\n\n".join([*parts, words]), differs


def held_text(row, stored, made, held):
    """A table of one test: stored, made here, and whether they agree."""
    seeds = [",".join(str(record["seed"]) for record in group) for group in (stored, made)]
    lines = [
        f"{row.config} on {stored[0]['dataset']}{tables.note(stored[0])}: stored of seed {seeds[0]}, made of "
        f"seed {seeds[1]} (commit {made[0]['train'].get('commit') or records.commit() or 'unknown'})",
        f"{'':>8} {'stored':>8} {'made':>8} {'minus':>8} {'+-':>7}",
    ]
    for one in held:
        verdict = "other settings" if row.changes else "agree" if one.agrees else "DIFFER"
        lines.append(
            f"{one.key:>8} {one.stored:8.2f} {one.made:8.2f} {one.made - one.stored:+8.2f} "
            f"{one.interval:7.2f}  {verdict}"
        )
    if row.changes:
        lines.append(f"The stored ones are of other settings: {', '.join(row.changes)}")
    return "\n".join(lines)
