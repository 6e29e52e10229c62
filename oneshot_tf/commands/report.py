"""Tables and figures from `results/`: `python -m oneshot_tf.report`.

python -m oneshot_tf.report                            tables, figures, the table in docs/results.md
python -m oneshot_tf.report --add_curve=runs/DIR,...   keeps a run's training curve first
python -m oneshot_tf.report --runs=runs/DIR,...        draws the curves of these runs instead
python -m oneshot_tf.report --paired=A,B               what A is better by than B on the same episodes
"""

import dataclasses
import pathlib

from oneshot_tf.commands import flags
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import paired, records, tables
from oneshot_tf.figures import batches, curves, drawing, sizes
from oneshot_tf.files import read_json, write_text
from oneshot_tf.runs import workdirs
from oneshot_tf.training.logging import read_metrics

PAGE = "docs/results.md"
OWN = {
    "results": (str, "the folder of the records (default: results)"),
    "runs": (str, "draw the training curves of these run folders, not those of results/curves"),
    "add_curve": (str, "keep the training curve of these run folders in results/curves"),
    "paired": (str, "two configs, or two record files, with a comma between: only compares these"),
    "output": (str, "the folder of the figures (default: figures/ in that of the records)"),
    "page": (str, "the page whose tables are rewritten (without --results: " + PAGE + ")"),
}


def main(argv):
    """Prints the tables and writes tables, figures and the page's part."""
    parsed = flags.parse(argv, OWN, [])
    results = pathlib.Path(parsed.get("results", "results"))
    if parsed.get("paired"):
        print(compare(flags.listed(parsed.get("paired")), results))
        return 0
    output = pathlib.Path(parsed.get("output") or results / "figures")
    for folder in flags.listed(parsed.get("add_curve")):
        curve = curve_of(folder)
        path = results / "curves" / f"{curve['config']}-seed{curve['seed']}.json"
        records.write(path, curve)
        print(f"curve: {path}")
    kept = tables.read_records(results)
    text = tables.text(kept)
    print(text)
    write_text(results / "tables.md", text)
    page = parsed.get("page")
    # the project's page is of the project's records
    if page is None and not parsed.get("results") and pathlib.Path(PAGE).is_file():
        page = PAGE
    if page:
        tables.replace(pathlib.Path(page), text)
    runs = flags.listed(parsed.get("runs"))
    if runs:
        draw_own(by_options(runs), kept, output)
    else:
        draw(by_config(kept_curves(results / "curves")), kept, output)
    return 0


def compare(names, results):
    """The table of `--paired`."""
    if len(names) != 2:
        raise UserError(f"--paired must name two, A,B. Received: {','.join(names)}")
    files = all(name.endswith(".json") for name in names)
    kept = [] if files else tables.read_records(results)
    return paired.text(*(paired.choose(name, kept) for name in names))


def curve_of(folder):
    """The training curve of a run folder: {"config", "model", "seed", "points"}, and where it was trained,
    as of `records.origin`.

    That of a few-shot learner has what `batches.thin` gives besides.
    """
    return _curve(pathlib.Path(folder), workdirs.read(folder)[0])


def _curve(folder, config):
    """As of `curve_of`; `config` is what the folder's `config.json` says."""
    if not (folder / "metrics.jsonl").is_file():
        raise UserError(f"{folder}/metrics.jsonl is not there; train first, or name another folder")
    metrics = read_metrics(folder / "metrics.jsonl")
    if batches.is_of(metrics):
        curve = batches.thin(metrics, config)
    else:
        curve = {"points": curves.thin(metrics)}
    return {
        "config": config["name"],
        "model": config["model"],
        "seed": config["train"]["seed"],
        **records.origin(config),
        **curve,
    }


def kept_curves(folder):
    """The curves in `results/curves`."""
    found = [(path, read_json(path)) for path in sorted(folder.glob("*.json"))]
    for path, curve in found:
        if not isinstance(curve, dict) or not {"config", "seed", "points"} <= set(curve):
            raise UserError(f"{path} is no curve; --add_curve=RUN_FOLDER writes one")
    return [curve for _, curve in found]


def by_config(curves):
    """{config: curves}."""
    grouped = {}
    for curve in curves:
        grouped.setdefault(curve["config"], []).append(curve)
    return grouped


def by_options(folders):
    """{label: curves} of run folders: seeds of one config and of equal options have one label.

    It is the config, and a folder besides where runs of this config differ in more than the seed.

    Args:
      folders: of runs; the same one twice counts once.

    Returns:
      The curves with "way" as well, what chance is reckoned by.
    """
    groups = {}  # {config: [([folder], what they share, [curve])]}
    for folder in {pathlib.Path(folder).resolve(): folder for folder in folders}.values():
        stored, config = workdirs.read(folder)
        curve, shared = _curve(pathlib.Path(folder), stored), shared_of(stored, config)
        curve["way"] = config.train.way
        of_config = groups.setdefault(config.name, [])
        for places, others, curves_there in of_config:
            # the same seed again is no other seed, so it has a curve of its own
            if shared == others and curve["seed"] not in [c["seed"] for c in curves_there]:
                places.append(folder)
                curves_there.append(curve)
                break
        else:
            of_config.append(([folder], shared, [curve]))
    return {
        label: found
        for name, of_config in groups.items()
        for label, (_, _, found) in zip(labels_of(name, of_config), of_config, strict=True)
    }


def labels_of(config, groups):
    """A label for each of the groups of a config, by the name of its first folder if there are several."""
    if len(groups) == 1:
        return [config]
    folders = [places[0] for places, *_ in groups]
    names = [pathlib.Path(folder).resolve().name for folder in folders]
    return [f"{config}, {x}" for x in (names if len(set(names)) == len(names) else folders)]


def shared_of(stored, config):
    """All that runs must have in common to be seeds of one curve; arguments as `workdirs.read` gives."""
    parts = [dataclasses.asdict(part) for part in (config.data, config.train, config.options)]
    for part in parts:
        for name in ("seed", *workdirs.FREE):
            part.pop(name, None)
    return config.model, parts, stored["split"]["sha256"], stored["pictures_sha256"]


def draw(grouped, kept, folder):
    """Writes the figures of kept curves and records, and says what is missing."""
    drawn, missing = curves.draw(grouped)
    save(drawn | batches.draw(grouped) | sizes.draw(kept), folder)
    if drawn and missing:
        print(f"Left out of the figures, for want of a curve: {', '.join(missing)}")


def draw_own(grouped, kept, folder):
    """Writes the figures of a user's runs and of the records, and says which runs are in none."""
    drawn = curves.draw(grouped)[0] | curves.draw_own(grouped) | batches.draw(grouped)
    save(drawn | sizes.draw(kept), folder)
    without = [
        label
        for label, runs in grouped.items()
        if not any(curves.is_of(run) or run.get("validation") for run in runs)
    ]
    if without:
        print(
            f"Not drawn, since few-shot runs are drawn by their validations: {', '.join(without)}"
        )


def save(figures, folder):
    """Writes figures, {name: `Figure`}, and says where."""
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        folder.mkdir(parents=True, exist_ok=True)
        drawing.save(figure, path)
        print(f"figure: {path}")
