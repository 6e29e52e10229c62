"""The options of a test."""

import dataclasses

from oneshot_tf.options import Options, option

VIEWS = (1, 4, 8)


@dataclasses.dataclass(frozen=True)
class TestOptions(Options):
    """How a trained model is tested; None is as in training, or as the model and the data have it."""

    __test__ = False  # pytest takes classes of such a name for its own

    protocol: str | None = option(
        None,
        "sequence or few_shot (default: what the model trains on)",
        choices=("sequence", "few_shot"),
    )
    dataset: str | None = option(None, "test on this data set (default: the one trained on)")
    data_dir: str | None = option(None, "where the data is")
    read: str | None = option(
        None,
        "where pictures are kept, memory or files (default: as in training)",
        choices=("memory", "files"),
    )
    skip_damaged: bool | None = option(None, "leave out damaged pictures (default: as in training)")
    split: str | None = option(
        None,
        "which split's test classes, as in training; or all: every class that there is, such as those of "
        "another folder (default: the run's; all of another data set)",
    )
    part: str = option(
        "test",
        "which classes: test, or validation to choose options",
        choices=("test", "validation"),
    )
    way: tuple | None = option(
        None, "few_shot: classes per episode; 5,20 or 2:5 tests one after the other", low=2
    )
    shot: tuple | None = option(
        None, "few_shot: support pictures per class; 1,5 or 1:5 likewise", low=1
    )
    test_rotations: bool | None = option(None, "rotated classes are classes as well")
    augment_test: bool | None = option(None, "turn and shift the test pictures as in training")
    rounds: bool = option(
        False, "sequence: every class is shown once before any is shown again, and so on"
    )
    within_group: bool = option(
        False,
        "all classes of an episode are of one group, such as an alphabet: a harder test",
    )
    mirrored_copies: str | None = option(
        None, "of a data set that has them: none, horizontal or vertical (default: as in training)"
    )
    eval_episodes: int = option(1000, "test episodes", low=2)
    eval_seed: int = option(0, "seed of the test episodes", low=0)
    eval_queries: int | None = option(
        None, "few_shot: queries per class (default: 15 pictures, or 1 sentence)", low=1
    )
    checkpoint: str | None = option(
        None,
        "best or last (default: best, or last where all classes trained)",
        choices=("best", "last"),
    )
    bn: str | None = option(
        None, "few_shot: batch norm's statistics at test, if not as the run says (see --model=...)"
    )
    orders: int | None = option(
        None, "few_shot: matching with fce, orders of the support that are averaged", low=1
    )
    views: int = option(
        1,
        "few_shot: mean of the answers to so many views, 4 quarter turns, 8 with their mirror images",
        choices=VIEWS,
    )
    test_steps: int | None = option(
        None,
        "few_shot: gradient steps of a learner that adapts (default: as the run says)",
        low=0,
    )
    finetune_steps: int = option(
        0, "few_shot: Adam steps on each episode's support before the answer", low=0
    )
    finetune_rate: float = option(1e-3, "few_shot: learning rate of fine-tuning", low=0.0)
    finetune_match: str = option(
        "own",
        "how a fine-tuned model answers: as always, or (classifier) by a softmax on the support",
        choices=("own", "softmax"),
    )
