"""Testing a trained model: which classes, which protocol, which record."""

import dataclasses
import pathlib
import typing

from oneshot_tf.data.sentences import Sentences
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import record_form, records, tables
from oneshot_tf.figures import drawing
from oneshot_tf.files import read_json
from oneshot_tf.runs import encoder_weights, experiment, held_out, kinds, workdirs
from oneshot_tf.sampling import pipeline


class Tested(typing.NamedTuple):
    """What a test gives.

    Attributes:
      record: what `evaluation/records.py` says of it.
      places: paths that the record was written to.
      figures: paths of the pictures of the first episode.
    """

    record: dict
    places: tuple
    figures: tuple = ()


@pipeline.user_errors()
def evaluate(workdir, test, folders, figures=None, **given):
    """Runs one test and writes its record.

    Args:
      workdir: the folder of a trained run.
      test: `TestOptions`.
      folders: those that get the record.
      figures: a folder that gets pictures of the first episode, or None.
      **given: what the run was given from Python, see `experiment.load`.

    Returns:
      `Tested`.
    """
    learner, config, trained, source, split = prepare(workdir, test, figures, **given)
    plan = kinds.of(learner).plan(learner, config, source, test)
    protocol = {
        "kind": plan.protocol["kind"],
        "part": test.part,
        **plan.protocol,
        "episodes": test.eval_episodes,
        "seed": test.eval_seed,
        "test_rotations": source.population.turns > 1,
        "augment_test": source.varied,
        **learner.test_conditions(),
    }
    mirrored = getattr(held_out.data_options(config, test), "mirrored_copies", "none")
    if mirrored != "none":
        protocol["mirrored_copies"] = mirrored
    if test.within_group:
        protocol["within_group"] = True
    blank = dict.fromkeys(plan.keys)
    trained |= records.origin(read_json(pathlib.Path(workdir) / "config.json"))
    record = records.make(config, source.dataset.name, split, protocol, blank, learner, trained)
    name = record_name(record, test, kinds.of(learner).protocols[0])
    places = tuple(pathlib.Path(folder) / f"{name}.json" for folder in folders)
    for path in places:
        check_place(path, record)
    record |= {**records.measured(plan.measure()), **plan.more()}
    for path in places:
        records.write(path, record)
    drawn = drawing.write(drawing.draw(learner, plan.first()), figures) if figures else ()
    return Tested(record, places, tuple(drawn))


def prepare(workdir, test, figures=None, **given):
    """All that a test needs: (learner, `RunConfig`, {"episodes", ...}, `Source`, split's description)."""
    changed = {name: getattr(test, name) for name in ("bn", "orders", "test_steps")}
    changed = {name: value for name, value in changed.items() if value is not None}
    learner, config, trained = experiment.load(workdir, test.checkpoint, changed, **given)
    dataset, split = held_out.classes(config, workdir, test)
    encoder_weights.check(config.options, dataset.class_names, split["sha256"], False)
    check_fits(learner, config, dataset, figures)
    options = held_out.data_options(config, test)
    source = experiment.held_out_source(dataclasses.replace(config, data=options), dataset)
    if test.within_group:
        source = held_out.within_groups(source, dataset)
    return learner, config, trained, source, split


@pipeline.user_errors()
def draw(workdir, test, **given):
    """Pictures of a test's first episode: {name: uint8 [H, W, 3]}; arguments as of `evaluate`."""
    learner, config, _, source, _ = prepare(workdir, test, True, **given)
    return drawing.draw(learner, kinds.of(learner).plan(learner, config, source, test).first())


def check_fits(learner, config, dataset, figures):
    """Refuses pictures for a reader of sentences, and the other way round.

    Raises:
      UserError: that, or figures of sentences.
    """
    if isinstance(dataset, Sentences) != bool(learner.vocabulary):
        reads = "sentences" if learner.vocabulary else "pictures"
        raise UserError(
            f"--dataset must be one of {reads}, as trained on. Received: {dataset.name}"
        )
    if learner.vocabulary and figures:
        raise UserError(
            f"--figures draws pictures, and {config.model} reads sentences; leave it out"
        )


def check_place(path, record):
    """Refuses to write the record of one test over that of another.

    Raises:
      UserError: `path` has a record of another protocol, of other classes, of another checkpoint or of a run
        with another model or other options; or something that is no record.
    """
    if not path.is_file():
        return
    before = read_json(path)
    record_form.check(before, path)
    now, then = record["protocol"], before["protocol"]
    differing = [name for name in tables.PROTOCOL if then.get(name) != now.get(name)]
    for part, name in (("split", "sha256"), ("train", "checkpoint")):
        if before.get(part, {}).get(name) != record[part][name]:
            differing.append(name if part == "train" else part)
    if differing:
        raise UserError(
            f"{path} has the record of another test ({', '.join(differing)} differ); move or delete "
            "it, then test again"
        )
    others = other_run(before, record)
    if others:
        raise UserError(
            f"{path} has the record of another run: expected one with {', '.join(others[0])}. Received: "
            f"{', '.join(others[1])}; name another --results, or move or delete it, then test again"
        )


def other_run(before, record):
    """([what the run of one record has], [what that of the other has instead]), or None of one and the same.

    Two runs of one config's name and seed would have records of one name, and a table would take one
    for the other.
    """
    if before["model"] != record["model"]:
        return [f"--model={before['model']}"], [f"--model={record['model']}"]
    sizes = [r.get("parameters") for r in (before, record)]
    # options do not tell a network given from Python
    if None not in sizes and sizes[0] != sizes[1]:
        return [f"{sizes[0]:,} weights"], [f"{sizes[1]:,} weights"]
    found = workdirs.changes(_parts(before), _parts(record))
    said = [[f"--{name}={values[i]}" for name, *values in found] for i in (0, 1)]
    return said if found else None


def _parts(record):
    """The options of a record under the names that they have in `config.json`."""
    names = {"data": "data", "train": "train", "model": "options"}
    options = record.get("options", {})
    found = {names[part]: values for part, values in options.items() if part in names}
    return {**found, "model": record["model"]}


def record_name(record, test, usual):
    """The file name of a test's record, by what is not usual about it.

    Args:
      record: the record.
      test: `TestOptions`.
      usual: the kind of protocol that tests of this model usually have.
    """
    protocol = record["protocol"]
    name = f"{record['config']}-seed{record['seed']}"
    if record["dataset"] != record["train"]["dataset"]:
        name += f"-{record['dataset']}"
    elif record["split"].get("name") == "all":
        name += "-all"
    if protocol["kind"] != usual:
        name += f"-{protocol['kind']}"
    if protocol["bn"] != "running":
        name += f"-bn_{protocol['bn']}"
    if "orders" in protocol:
        name += f"-{protocol['orders']}_orders"
    own, turned = record["dataset"] == record["train"]["dataset"], protocol["test_rotations"]
    if own and turned != record["options"]["data"]["test_rotations"]:
        name += "-turned" if turned else "-unturned"
    if protocol["kind"] == "sequence" != usual:
        name += f"-{protocol['way']}w"
    if "rounds" in protocol:
        name += "-rounds"
    if "views" in protocol:
        name += f"-{protocol['views']}_views"
    if "within_group" in protocol:
        name += "-within_group"
    if test.test_steps is not None:
        name += f"-{test.test_steps}_steps"
    if test.mirrored_copies:
        name += f"-{test.mirrored_copies}_mirrored"
    if records.tuned(protocol):
        name += f"-{records.tuned(protocol)}"
    if (test.way or test.shot) and protocol["kind"] == "few_shot":
        name += f"-{'_'.join(record['accuracy'])}"
    return name if protocol["part"] == "test" else f"{name}-validation"


def table(record):
    """A record's accuracies as lines for a terminal, beside the paper's."""
    paper = record["paper"] or {}
    lines = [f"{record['config']}, seed {record['seed']}, {record['dataset']}: accuracy in %"]
    lines.append(f"{'':>8} {'mean':>8} {'+-':>6} {'paper':>7}")
    for key, value in record["accuracy"].items():
        printed = f"{paper[key]:7.1f}" if key in paper else ""
        lines.append(f"{key:>8} {value['mean']:8.2f} {value['ci95']:6.2f} {printed}")
    if "trained_classes" in record["split"]:
        lines.append(
            f"{record['split']['trained_classes']} of these classes were trained on: this is no test "
            "of classes that are new"
        )
    if "perplexity" in record:
        found = record["perplexity"]
        printed = "" if found["paper"] is None else f"; the paper's: {found['paper']}"
        lines.append(f"perplexity of {found['words']:,} words: {found['value']:.2f}{printed}")
    return "\n".join(lines)
