"""Testing a trained model: which classes, which protocol, which record."""

import dataclasses
import pathlib

import tensorflow as tf

from oneshot_tf import data, encoder_weights, experiment
from oneshot_tf.data import splits
from oneshot_tf.data.sentences import Sentences
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import figures, papers, perplexity, protocols, records, tables
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
    dataset, split = test_classes(config, parsed, options.part)
    encoder_weights.check(config.options, dataset.class_names, split["sha256"], False)
    options = fitting(learner, config, dataset, parsed, options)
    given = {"data": data_options(config, parsed)}
    population = experiment.test_population(dataclasses.replace(config, **given), dataset)
    own_kind = "sequence" if learner.episode == "sequence" else "few_shot"
    kind = options.protocol or own_kind
    measure = measure_sequence if kind == "sequence" else measure_few_shot
    protocol, accuracy = measure(learner, config, population, parsed, options)
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
    if given["data"].mirrored_copies != "none":
        protocol["mirrored_copies"] = given["data"].mirrored_copies
    record = records.make(config, dataset.name, split, protocol, accuracy, learner, trained)
    if learner.episode == "text":
        record["perplexity"] = measure_text(learner, config, dataset.text(options.part))
    print(table(record))
    for path in record_paths(parsed, record, own_kind):
        check_place(path, record)
        records.write(path, record)
        print(f"record: {path}")
    if parsed.get("figures"):
        episode = first_episode(learner, config, population, parsed, options)
        for path in figures.write(figures.draw(learner, episode), parsed.get("figures")):
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


def data_options(config, parsed):
    """The run's data options, with what the command line says otherwise."""
    names = ("dataset", "data_dir", "read", "skip_damaged", "test_rotations", "augment_test")
    names += ("mirrored_copies",)
    said = {name: parsed.get(name) for name in names if parsed.get(name) is not None}
    if said.get("dataset", config.data.dataset) != config.data.dataset:
        # a turned character is another one; of a turned digit nobody said so
        read = data.DATASET_DEFAULTS.get(said["dataset"], {}).get("read", "memory")
        said = {"test_rotations": False, "read": read, **said}
    options = dataclasses.replace(config.data, **said)
    if parsed.get("split") or options.dataset != config.data.dataset:
        options = dataclasses.replace(options, split=parsed.get("split"))
    return options


def test_classes(config, parsed, part):
    """(data set of the classes to test on, description of the split)."""
    options = data_options(config, parsed)
    vary = options.augment_test and source.varies(options)
    dataset = experiment.load_pictures(options, vary=vary)
    if options.dataset != config.data.dataset and not options.split:
        everything = splits.make("all", (), (), dataset.class_names)
        return dataset, everything.describe()
    split = splits.load(dataset, options)
    return dataset.select(getattr(split, part)), split.describe()


def measure_sequence(learner, config, population, parsed, options):
    """Accuracy by presentation, in episodes as long as the training's."""
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
    accuracy = protocols.sequence(learner, sample, options.eval_episodes, shot)
    return {"way": config.train.way, "shot": shot}, accuracy


def measure_few_shot(learner, config, population, parsed, options):
    """Accuracy on queries, for one way and shot or the usual four (as far as the model goes)."""
    settings = settings_of(learner, config, parsed, population)
    logits_of, described = protocols.finetuning(
        learner, options.finetune_steps, options.finetune_rate, options.finetune_match
    )
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
        accuracy[f"{way}w{shot}s"] = found
    ways, shots = (sorted({s[i] for s in settings}) for i in (0, 1))
    protocol = {"way": ways, "shot": shots, "queries": options.eval_queries}
    return protocol | described, accuracy


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
    if learner.episode == "sequence":
        settings = [s for s in settings if s[0] <= config.train.way]
        if not settings:
            raise UserError(
                f"--way must be at most {config.train.way}, as trained. Received: {ways[0]}"
            )
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
      UserError: `path` has a record of another protocol.
    """
    if not path.is_file():
        return
    before = read_json(path).get("protocol", {})
    differing = [n for n in tables.PROTOCOL if before.get(n) != record["protocol"].get(n)]
    if differing:
        raise UserError(
            f"{path} has the record of another test ({', '.join(differing)} differ); move it, or name "
            "another --results"
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
