"""How trained models embed one episode, side by side: `python -m oneshot_tf.compare --runs=A,B`.

Writes `map.png`, t-SNE of all pictures of some test classes that are not in the support, and
`similarity.png`, support against queries: figures 3 and 4 of Cai et al. (2018).
"""

import pathlib

import numpy as np
import tensorflow as tf

from oneshot_tf.commands import flags
from oneshot_tf.data import splits
from oneshot_tf.errors import UserError
from oneshot_tf.figures import compare, drawing
from oneshot_tf.run_config import EvalOptions
from oneshot_tf.runs import experiment, held_out, testing
from oneshot_tf.sampling import source

OWN = {
    "runs": (str, "run folders of few-shot models trained on one data set, with commas between"),
    "output": (str, "the folder of the figures (default: compared)"),
    "data_dir": (str, "where the data is"),
    "way": (int, "classes (default: 5)"),
    "shot": (int, "support pictures of each, and queries of each in the matrices (default: 5)"),
    "eval_seed": (int, "which episode (default: 0)"),
}


def main(argv):
    """Draws both figures."""
    parsed = flags.parse(["-m oneshot_tf.compare", *argv[1:]], OWN, [])
    runs = flags.listed(parsed.get("runs"))
    if not runs:
        raise UserError(f"--runs is missing: {OWN['runs'][1]}")
    models = [experiment.load(run)[:2] for run in runs]
    check_alike(models)
    way, shot = parsed.get("way", 5), parsed.get("shot", 5)
    options = held_out.data_options(models[0][1], parsed)
    episode = draw_episode(options, runs, parsed, way, shot)
    panels = [panel_of(learner, config.name, episode) for learner, config in models]
    output = pathlib.Path(parsed.get("output", "compared"))
    drawn = {
        "map": compare.draw_map(panels),
        "similarity": compare.draw_matrices(panels, shot),
    }
    pictures = {name: drawing.render(figure) for name, figure in drawn.items()}
    for path in drawing.write(pictures, output):
        print(f"figure: {path}")
    return 0


def check_alike(models):
    """Whether all models answer episodes of support and queries, of the same pictures.

    Raises:
      UserError: one does not.
    """
    first = models[0][1]
    for learner, config in models:
        if learner.episode == "sequence":
            raise UserError(f"{config.name} reads sequences; --runs compares few-shot models")
        if learner.oracle:
            raise UserError(f"{config.name} embeds no support; --runs compares few-shot models")
        for name in ("dataset", "image_size", "channels", "split", "split_seed"):
            own, expected = getattr(config.data, name), getattr(first.data, name)
            if own != expected:
                raise UserError(
                    f"All --runs must have one --{name}. Received: {expected} of {first.name}, "
                    f"{own} of {config.name}"
                )


def draw_episode(options, runs, parsed, way, shot):
    """An episode of test classes in which every picture that is not support is a query."""
    dataset = experiment.load_pictures(options)
    split = splits.load(dataset, options)
    for run in runs:
        held_out.check_split(run, split)
    dataset = dataset.select(split.test)
    queries = int(dataset.class_sizes.min()) - shot
    if queries < 1:
        raise UserError(
            f"--shot must be below {queries + shot}, a class's pictures. Received: {shot}"
        )
    population = source.make(dataset, options, rotations=False, vary=False)
    test = EvalOptions(eval_queries=queries, eval_seed=parsed.get("eval_seed", 0))
    sample = testing.few_shot_sampler(population, way, shot, test, batch=1)
    return sample(tf.constant(0, tf.int64))


def panel_of(learner, name, episode):
    """What `figures/compare.py` draws of one model."""
    labels = episode.support_labels
    support, query = learner.embed_episode(episode, False)
    compared = learner.in_context(support, labels, query)
    answers = learner.predict_labels(learner.answer(support, labels, query))
    right = np.mean(answers.numpy() == episode.query_labels.numpy())
    known = {"support_labels": labels[0], "query_labels": episode.query_labels[0]}
    return compare.look(name, compared[0][0], compared[1][0], known, right)
