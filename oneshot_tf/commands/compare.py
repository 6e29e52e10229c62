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
from oneshot_tf.runs import experiment, held_out, plans
from oneshot_tf.sampling import source
from oneshot_tf.test_options import TestOptions

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
    way, shot = parsed.get("way", 5), parsed.get("shot", 5)
    seed = parsed.get("eval_seed", 0)
    test = TestOptions(data_dir=parsed.get("data_dir"), way=way, shot=shot, eval_seed=seed)
    models = [experiment.load(run)[:2] for run in runs]
    check_alike(models)
    options = held_out.data_options(models[0][1], test)
    episode = draw_episode(options, runs, test, way, shot)
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
        if not learner.compares:
            raise UserError(f"{config.name} compares no embeddings; --runs takes few-shot models")
        for name in ("dataset", "image_size", "channels", "split", "split_seed"):
            own, expected = getattr(config.data, name), getattr(first.data, name)
            if own != expected:
                raise UserError(
                    f"All --runs must have one --{name}. Received: {expected} of {first.name}, "
                    f"{own} of {config.name}"
                )


def draw_episode(options, runs, test, way, shot):
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
    drawn = source.make(dataset, options, rotations=False, vary=False)
    sample = plans.few_shot_sampler(drawn, way, shot, queries, test, batch=1)
    return sample(tf.constant(0, tf.int64))


def panel_of(learner, name, episode):
    """What `figures/compare.py` draws of one model."""
    support, query, logits = learner.compared(episode)
    answers = learner.predict_labels(logits)
    right = np.mean(answers.numpy() == episode.query_labels.numpy())
    known = {"support_labels": episode.support_labels[0], "query_labels": episode.query_labels[0]}
    return compare.look(name, support[0], query[0], known, right)
