"""Trains a model: behind `train.py`."""

from oneshot_tf.commands import configs
from oneshot_tf.training import cluster


def main(argv):
    """Trains; makes the workdir or goes on in it. Returns the exit code."""
    own = {"workdir": (str, "the run's folder (default: runs/<model>-<dataset>)")}
    parsed = configs.parse(argv, own)
    from oneshot_tf.figures import drawing
    from oneshot_tf.runs import experiment  # late: `--help` need not wait for it
    from oneshot_tf.training.signals import Interrupted

    config = configs.make_config(parsed, configs.config_name(argv))
    try:
        trained = experiment.train(config, parsed.get("workdir"), drawing.draw)
    except Interrupted as interrupted:
        return interrupted.code
    if config.train.strategy == "multi_worker" and not cluster.read().chief:
        print("Done; the first worker has the run")
    else:
        print(f"Done: {trained.workdir}. Next: python eval.py --workdir={trained.workdir}")
    return 0
