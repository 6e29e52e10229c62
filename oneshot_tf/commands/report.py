"""Tables and figures from `results/`: `python -m oneshot_tf.report`.

python -m oneshot_tf.report                            tables, figures, the table in docs/results.md
python -m oneshot_tf.report --add_curve=runs/DIR,...   keeps a run's training curve first
python -m oneshot_tf.report --runs=runs/DIR,...        draws the curves of these runs instead
python -m oneshot_tf.report --paired=A,B               what A is better by than B on the same episodes
"""

import pathlib

from oneshot_tf.commands import flags
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import paired, records, tables
from oneshot_tf.figures import batches, curves, drawing, sizes
from oneshot_tf.files import read_json, write_text
from oneshot_tf.training.logging import read_metrics

OWN = {
    "results": (str, "the folder of the records (default: results)"),
    "runs": (str, "draw the training curves of these run folders, not those of results/curves"),
    "add_curve": (str, "keep the training curve of these run folders in results/curves"),
    "paired": (str, "two configs, or two record files, with a comma between: only compares these"),
    "output": (str, "the folder of the figures (default: figures/ in that of the records)"),
    "page": (str, "the page whose tables are rewritten (default: docs/results.md, if it is there)"),
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
    page = pathlib.Path(parsed.get("page", "docs/results.md"))
    if parsed.get("page") or page.is_file():
        tables.replace(page, text)
    runs = [curve_of(folder) for folder in flags.listed(parsed.get("runs"))]
    draw(by_config(runs or kept_curves(results / "curves")), kept, output)
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
    folder = pathlib.Path(folder)
    config = read_json(folder / "config.json")
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


def draw(grouped, kept, folder):
    """Writes the figures of curves and records, and says what is missing."""
    drawn, missing = curves.draw(grouped)
    for name, figure in (drawn | batches.draw(grouped) | sizes.draw(kept)).items():
        path = folder / f"{name}.png"
        folder.mkdir(parents=True, exist_ok=True)
        drawing.save(figure, path)
        print(f"figure: {path}")
    if missing:
        print(f"Left out of the figures, for want of a curve: {', '.join(missing)}")
