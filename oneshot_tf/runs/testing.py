"""Testing a trained model: which classes, which protocol, which record."""

import dataclasses
import functools
import pathlib

import tensorflow as tf

from oneshot_tf.runs import encoder_weights
from oneshot_tf.runs import experiment
from oneshot_tf.runs import held_out
from oneshot_tf.data.sentences import Sentences
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import papers, perplexity, protocols, records, tables
from oneshot_tf.figures import drawing
from oneshot_tf.files import read_json
from oneshot_tf.sampling import few_shot, pipeline, sequence, source

MOST_NUMBERS = 5 * 10**7  # of all differences of features of an answer's pairs of pictures
SETTINGS = ((5, 1), (5, 5), (20, 1), (20, 5))  # way and shot of the usual tables
SENTENCES = ((5, 1), (5, 2), (5, 3))  # of the one with sentences, which are few: one query a word


@pipeline.user_errors()
def evaluate(parsed, options):
    """Runs one test and writes its record.

    Args:
      parsed: the command line; `workdir`, `dataset`, `split`, `way`, `shot`, ... count.
      options: `EvalOptions`.

    Returns:
      The record.
    """
    if parsed.get("workdir") is None:
        raise UserError("--workdir is missing: the folder of a trained run")
    changed = {name: getattr(options, name) for name in ("bn", "orders")}
    changed = {name: value for name, value in changed.items() if value is not None}
    learner, config, trained = experiment.load(parsed.get("workdir"), options.checkpoint, **changed)
    dataset, split = held_out.classes(config, parsed, options.part)
    encoder_weights.check(config.options, dataset.class_names, split["sha256"], False)
    options = fitting(learner, config, dataset, parsed, options)
    given = {"data": held_out.data_options(config, parsed)}
    population = experiment.test_population(dataclasses.replace(config, **given), dataset)
    own_kind = "sequence" if learner.episode == "sequence" else "few_shot"
    kind = options.protocol or own_kind
    plan = plan_sequence if kind == "sequence" else plan_few_shot
    protocol, keys, measure = plan(learner, config, population, parsed, options)
    protocol = {
        "kind": kind,
        "part": options.part,
        **protocol,
        "episodes": options.eval_episodes,
        "seed": options.eval_seed,
        "test_rotations": population.people.turns > 1,
        "augment_test": population.varied,
        "bn": getattr(learner.options, "bn", "running"),
    }
    if getattr(learner.options, "orders", 1) > 1:
        protocol["orders"] = learner.options.orders
    if getattr(learner.options, "oracle", False):
        protocol["oracle"] = True
    mirrored_copies = getattr(given["data"], "mirrored_copies", "none")
    if mirrored_copies != "none":
        protocol["mirrored_copies"] = mirrored_copies
    blank = dict.fromkeys(keys)
    record = records.make(config, dataset.name, split, protocol, blank, learner, trained)
    paths = record_paths(parsed, record, own_kind)
    for path in paths:
        check_place(path, record)
    record["accuracy"] = measure()
    if learner.episode == "text":
        record["perplexity"] = measure_text(learner, config, dataset.text(options.part))
    print(table(record))
    for path in paths:
        records.write(path, record)
        print(f"record: {path}")
    if parsed.get("figures"):
        episode = first_episode(learner, config, population, parsed, options)
        for path in drawing.write(drawing.draw(learner, episode), parsed.get("figures")):
            print(f"figure: {path}")
    return record


def fitting(learner, config, dataset, parsed, options):
    """`EvalOptions` that suit what the learner reads: of sentences, one query a class.

    Raises:
      UserError: pictures for a reader of sentences, or the other way round.
    """
    if isinstance(dataset, Sentences) != bool(learner.vocabulary):
        reads = "sentences" if learner.vocabulary else "pictures"
        raise UserError(
            f"--dataset must be one of {reads}, as trained on. Received: {dataset.name}"
        )
    if learner.vocabulary and parsed.get("figures"):
        raise UserError(
            f"--figures draws pictures, and {config.model} reads sentences; leave it out"
        )
    if learner.vocabulary and "eval_queries" not in parsed.values:
        return dataclasses.replace(options, eval_queries=1)
    return options


def plan_sequence(learner, config, population, parsed, options):
    """Accuracy by presentation, in episodes as long as the training's.

    Returns:
      (what the record says of the protocol, the settings' names, () -> accuracy).
    """
    if learner.episode != "sequence":
        raise UserError(f"{config.model} answers queries, no sequences; use --protocol=few_shot")
    (way, *ways), (shot, *shots) = (
        parsed.get(n) or (getattr(config.train, n),) for n in ("way", "shot")
    )
    if ways or shots:
        raise UserError("--way and --shot must be one number each for sequences")
    if way != config.train.way:
        raise UserError(f"--way must be {config.train.way}, as trained. Received: {way}")
    sample = sequence_sampler(learner, config, population, shot, options)
    measure = functools.partial(protocols.sequence, learner, sample, options.eval_episodes, shot)
    return {"way": config.train.way, "shot": shot}, (), measure


def plan_few_shot(learner, config, population, parsed, options):
    """Accuracy on queries, for the ways and shots given or the usual four; as `plan_sequence`."""
    settings = settings_of(learner, config, parsed, population)
    logits_of, described = protocols.finetuning(
        learner, options.finetune_steps, options.finetune_rate, options.finetune_match
    )
    ways, shots = (sorted({s[i] for s in settings}) for i in (0, 1))
    protocol = {"way": ways, "shot": shots, "queries": options.eval_queries, **described}
    measure = functools.partial(measure_few_shot, learner, population, settings, logits_of, options)
    return protocol, [key_of(*setting) for setting in settings], measure


def key_of(way, shot):
    """A setting's name in records."""
    return f"{way}w{shot}s"


def measure_few_shot(learner, population, settings, logits_of, options):
    """{setting: accuracy}; every picture is embedded once where that gives the same answers."""
    once = logits_of is None and learner.embeds_alone and not population.varied
    if once:
        population = source.embedded(population, learner.features)
        logits_of = learner.answer_embedded
    accuracy = {}
    for way, shot in settings:
        pictures = way * (shot + options.eval_queries)
        batch = protocols.fitting_batch(pictures)
        if once:
            pairs = way * options.eval_queries * way * shot * population.features.shape[1]
            batch = max(1, min(protocols.BATCH, MOST_NUMBERS // pairs))
        sample = few_shot_sampler(population, way, shot, options, batch, learner.oracle)
        found = protocols.few_shot(learner, sample, options.eval_episodes, batch, logits_of)
        accuracy[key_of(way, shot)] = found
    return accuracy


def measure_text(learner, config, text):
    """The perplexity of a text that is read in one go, beside the paper's."""
    return {
        "value": round(perplexity.measure(learner, text, rows=1), 3),
        "words": len(text),
        "paper": papers.perplexity(config.name),
    }


def settings_of(learner, config, parsed, population):
    """[(way, shot)] of the few-shot protocol: the usual ones as far as model and data go."""
    ways, shots = parsed.get("way"), parsed.get("shot")
    usual = SENTENCES if learner.vocabulary else SETTINGS
    settings = [(w, s) for w, s in usual if w in (ways or [w]) and s in (shots or [s])]
    if not settings or any(len(chosen or ()) > 1 for chosen in (ways, shots)):
        settings = [(w, s) for w in ways or (config.train.way,) for s in shots or (1,)]
    if ways is None:
        there = population.people.num_classes
        settings = [s for s in settings if s[0] <= there] or [(there, s) for s in shots or (1,)]
    most = config.train.way
    if learner.episode == "sequence" and ways is None:
        return [s for s in settings if s[0] <= most] or [(most, s) for s in shots or (1,)]
    if learner.episode == "sequence" and max(ways) > most:
        raise UserError(f"--way must be at most {most}, as trained. Received: {max(ways)}")
    return settings


def sequence_sampler(learner, config, population, shot, options, batch=protocols.BATCH):
    """(first) -> sequence episodes of the test."""
    return sequence.sampler(
        population,
        seed=options.eval_seed,
        stream=options.part,
        batch=batch,
        way=config.train.way,
        per_class=shot,
        num_labels=learner.num_labels,
    )


def few_shot_sampler(population, way, shot, options, batch=protocols.BATCH, told=False):
    """(first) -> few-shot episodes of the test; of an oracle, with the words behind the labels."""
    return few_shot.sampler(
        population,
        seed=options.eval_seed,
        stream=options.part,
        batch=batch,
        way=way,
        shot=shot,
        queries=options.eval_queries,
        told=told,
    )


def first_episode(learner, config, population, parsed, options):
    """The test's first episode, of the kind that the model draws: a batch of one."""
    if learner.episode == "sequence":
        shot = config.train.shot
        if options.protocol != "few_shot":
            shot = (parsed.get("shot") or (shot,))[0]
        sample = sequence_sampler(learner, config, population, shot, options, batch=1)
    else:
        way, shot = settings_of(learner, config, parsed, population)[0]
        sample = few_shot_sampler(population, way, shot, options, batch=1)
    return sample(tf.constant(0, tf.int64))


def check_place(path, record):
    """Refuses to write the record of one test over that of another.

    Raises:
      UserError: `path` has a record of another protocol, of other classes or of another checkpoint.
    """
    if not path.is_file():
        return
    before = read_json(path)
    now, then = record["protocol"], before.get("protocol", {})
    differing = [name for name in tables.PROTOCOL if then.get(name) != now.get(name)]
    for part, name in (("split", "sha256"), ("train", "checkpoint")):
        if before.get(part, {}).get(name) != record[part][name]:
            differing.append(name if part == "train" else part)
    if differing:
        raise UserError(
            f"{path} has the record of another test ({', '.join(differing)} differ); move or delete "
            "it, then test again"
        )


def record_paths(parsed, record, own_kind):
    """Where a record goes: the workdir, and `--results` where it is given."""
    kind = record["protocol"]["kind"]
    name = f"{record['config']}-seed{record['seed']}"
    if record["dataset"] != record["train"]["dataset"]:
        name += f"-{record['dataset']}"
    if kind != own_kind:
        name += f"-{kind}"
    if record["protocol"]["bn"] != "running":
        name += f"-bn_{record['protocol']['bn']}"
    if "orders" in record["protocol"]:
        name += f"-{record['protocol']['orders']}_orders"
    if parsed.get("mirrored_copies"):
        name += f"-{parsed.get('mirrored_copies')}_mirrored"
    if records.tuned(record["protocol"]):
        name += f"-{records.tuned(record['protocol'])}"
    if parsed.get("way") or parsed.get("shot"):
        name += f"-{'_'.join(record['accuracy'])}" if kind == "few_shot" else ""
    if record["protocol"]["part"] != "test":
        name += "-validation"
    paths = [pathlib.Path(parsed.get("workdir")) / "evaluation" / f"{name}.json"]
    if parsed.get("results"):
        paths.append(pathlib.Path(parsed.get("results")) / f"{name}.json")
    return paths


def table(record):
    """A record's accuracies as lines for a terminal, beside the paper's."""
    paper = record["paper"] or {}
    lines = [f"{record['config']}, seed {record['seed']}, {record['dataset']}: accuracy in %"]
    lines.append(f"{'':>8} {'mean':>8} {'+-':>6} {'paper':>7}")
    for key, value in record["accuracy"].items():
        printed = f"{paper[key]:7.1f}" if key in paper else ""
        lines.append(f"{key:>8} {value['mean']:8.2f} {value['ci95']:6.2f} {printed}")
    if "perplexity" in record:
        found = record["perplexity"]
        printed = "" if found["paper"] is None else f"; the paper's: {found['paper']}"
        lines.append(f"perplexity of {found['words']:,} words: {found['value']:.2f}{printed}")
    return "\n".join(lines)
