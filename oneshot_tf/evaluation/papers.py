"""The accuracies that the papers print, in percent, by the rows of their tables.

A run says which row it is compared with (`--paper_row=NAME`); nothing is read out of its name.
"""

from oneshot_tf.evaluation import earlier_rows
from oneshot_tf.evaluation.paper_protocols import PROTOCOLS

_PRESENTATIONS = ("1", "2", "3", "4", "5", "10")


def _row(*values, keys=_PRESENTATIONS):
    return dict(zip(keys, values, strict=True))


_SETTINGS = ("5w1s", "5w5s", "20w1s", "20w5s")


def _few_shot(*values):
    return _row(*values, keys=_SETTINGS[: len(values)])


_ORACLE = _row(72.8, 72.8, 72.8, keys=("5w1s", "5w2s", "5w3s"))

# row -> figures. "NAME@DATA" is the row of NAME where it was tested on other data than it was trained
# on, "NAME#finetuned" and "NAME#softmax" where it was fine-tuned on each support, "NAME#transductive"
# where a paper prints both and queries were normalised with each other. [FLMN] is Mureja et al. 2017,
# tables 1 and 2; [MANN] Santoro et al. 2016, table 1. The MANN of [FLMN] has one read head.
ROWS = {
    "flmn_omniglot_1": _row(31.1, 85.6, 88.7, 89.5, 91.0, 94.1),
    "flmn_omniglot_2": _row(33.9, 86.5, 89.1, 89.7, 91.1, 94.4),
    "mann_1head_omniglot_1": _row(21.6, 66.7, 74.0, 76.0, 76.3, 78.1),
    "mann_1head_omniglot_2": _row(22.2, 65.5, 72.0, 74.5, 76.4, 77.2),
    "mann_omniglot": _row(36.4, 82.8, 91.0, 92.6, 94.9, 98.1),
    "lstm_omniglot": _row(24.4, 49.5, 55.3, 61.0, 63.6, 62.5),
    "flmn_omniglot_1@minimnist": _row(28.5, 67.6, 80.5, keys=("1", "2", "10")),
    "mann_1head_omniglot_1@minimnist": _row(14.6, 37.3, 52.0, keys=("1", "2", "10")),
    # [MN] Vinyals et al. 2016, table 1, and its text on MNIST; [PN] Snell et al. 2017, table 1
    "pixels_omniglot": _few_shot(41.7, 63.2, 26.7, 42.6),
    "classifier_omniglot": _few_shot(80.0, 95.0, 69.5, 89.1),
    "classifier_omniglot#finetuned": _few_shot(82.3, 98.4, 70.6, 92.0),
    "classifier_omniglot#softmax": _few_shot(86.0, 97.6, 72.9, 92.3),
    "siamese_omniglot": _few_shot(96.7, 98.4, 88.0, 96.5),
    "siamese_omniglot#finetuned": _few_shot(97.3, 98.4, 88.1, 97.0),
    "matching_omniglot": _few_shot(98.1, 98.9, 93.8, 98.5),
    "matching_omniglot#finetuned": _few_shot(97.9, 98.7, 93.5, 98.7),
    "prototypical_omniglot": _few_shot(98.8, 99.7, 96.0, 98.9),
    # [MM] Cai et al. 2018, tables 1 to 3
    "mmnet_omniglot": _few_shot(99.28, 99.77, 97.16, 98.93),
    "mmnet_mini_imagenet": _few_shot(53.37, 66.97),
    "mmnet_uniform_mini_imagenet_1shot": _few_shot(52.74, 60.33),
    "mmnet_uniform_mini_imagenet_5shot": _few_shot(51.09, 65.82),
    # [RE] Kaiser et al. 2017, table 2; [GM] Tseran and Harada 2018, tables 1 to 3, the better of
    # "n_train = n_test" (92.3 of 20 ways 1 shot) and "n_train < n_test" (92.6)
    "rare_events_omniglot": _few_shot(98.4, 99.6, 95.0, 98.6),
    "gaussian_memory_omniglot": _few_shot(97.4, 98.9, 92.6, 98.4)
    | _row(82.2, 92.8, 71.4, 87.1, keys=("100w1s", "100w5s", "400w1s", "400w5s")),
    "gaussian_memory_lfw": _row(
        64.4,
        84.0,
        39.9,
        63.4,
        22.7,
        44.0,
        keys=("5w1s", "5w5s", "20w1s", "20w5s", "80w1s", "80w5s"),
    ),
    # [MN], section 4.1.3
    "matching_ptb": {"5w1s": 32.4, "5w2s": 36.1, "5w3s": 38.2},
    "classifier_omniglot@mnist": {"10w1s": 63.0},
    "siamese_omniglot@mnist": {"10w1s": 70.0},
    "matching_omniglot@mnist": {"10w1s": 72.0},
    # [MN] section 4.1.3; the oracle does not look at the support, and has one figure for all shots
    # and for a network whose size it does not say
    "lstm_lm": _ORACLE,
    "lstm_lm_small": _ORACLE,
    "lstm_lm_medium": _ORACLE,
    "lstm_lm_large": _ORACLE,
    # on Ravi and Larochelle's split: their own figures for matching, [PN] for prototypes
    "matching_mini_imagenet": _few_shot(43.40, 51.09),
    "matching_fce_mini_imagenet": _few_shot(43.56, 55.31),
    "prototypical_mini_imagenet": _few_shot(49.42, 68.20),
    # learners that adapt, with statistics of the queries (transductive): [MAML] Finn et al. 2017, table
    # 1; of first order as [R] Nichol et al. 2018 ran it; [R] not transductive; [MSGD] Li et al. 2017
    "maml_omniglot": _few_shot(98.7, 99.9, 95.8, 98.9),
    "maml_first_order_omniglot": _few_shot(98.3, 99.2, 89.4, 97.9),
    "reptile_omniglot": _few_shot(95.39, 98.90, 88.14, 96.65),
    "reptile_omniglot#transductive": _few_shot(97.68, 99.48, 89.43, 97.12),
    "anil_omniglot": _row(96.2, 98.0, keys=("20w1s", "20w5s")),
    "meta_sgd_omniglot": _few_shot(99.53, 99.93),
    # [NET] Munkhdalai and Yu 2017, characters split at random
    "meta_networks_omniglot": _row(98.95, 97.0, keys=("5w1s", "20w1s")),
    # on Ravi and Larochelle's split: the same papers, and [ML] Ravi and Larochelle 2017
    "maml_mini_imagenet": _few_shot(48.70, 63.11),
    "maml_first_order_mini_imagenet": _few_shot(48.07, 63.15),
    "anil_mini_imagenet": _few_shot(46.7, 61.5),
    "meta_sgd_mini_imagenet": _few_shot(50.47, 64.03),
    "reptile_mini_imagenet": _few_shot(47.07, 62.74),
    "meta_lstm_mini_imagenet": _few_shot(43.44, 60.60),
    "meta_networks_mini_imagenet": _few_shot(49.21),
    # [MN] table 3, all of ImageNet. Its columns on classes that were trained on (42.8 and 43.0 by
    # pixels, 92.6 and 90.0 by the classifier, 97.0 and 96.4 by matching) are no one-shot test and
    # not made here; nor is its oracle, about 99 everywhere: a full softmax over all 1,000 classes.
    "pixels_imagenet_rand": _few_shot(42.0),
    "pixels_imagenet_dogs": _few_shot(41.4),
    "classifier_inception_imagenet_rand": _few_shot(87.6),
    "classifier_inception_imagenet_dogs": _few_shot(59.8),
    "matching_fce_inception_imagenet_rand": _few_shot(93.2),
    "matching_fce_inception_imagenet_dogs": _few_shot(58.8),
}

# test perplexity of the treebank: Zaremba et al. 2014, table 1, one network each
PERPLEXITIES = {"lstm_lm_small": 114.5, "lstm_lm_medium": 82.7, "lstm_lm_large": 78.4}


def perplexity(row):
    """The paper's perplexity for the row of a language model, or None."""
    return PERPLEXITIES.get(row)


def key(row, dataset, trained_on, tuned=None, transductive=False):
    """The key in `ROWS` of the figures that a test compares with, or None.

    Args:
      row: the row that the run names, or None.
      dataset: what was tested on.
      trained_on: what was trained on.
      tuned: "finetuned" or "softmax" where the model was fine-tuned on each episode's support.
      transductive: whether queries were normalised with each other; most papers have one figure only.
    """
    if row not in PROTOCOLS or trained_on != PROTOCOLS[row].dataset:
        return None
    suffix = f"#{tuned}" if tuned else ""
    if transductive and f"{row}#transductive" in ROWS:
        suffix = "#transductive"
    suffix += "" if dataset == trained_on else f"@{dataset}"
    return row + suffix if row + suffix in ROWS else None


def named(fields):
    """{"paper_row", "paper_config"} that a stored config names; of those before there were such names,
    what they were compared with then.

    Args:
      fields: the content of a `config.json`.
    """
    earlier = {"paper_row": earlier_rows.ROWS, "paper_config": earlier_rows.CONFIGS}
    name = fields.get("name")
    return {n: fields[n] if n in fields else table.get(name) for n, table in earlier.items()}


def row_of(record):
    """The row that a record was compared with, or None; of earlier records as well."""
    if not record.get("paper"):
        return None
    if "paper_row" in record:
        return record["paper_row"]
    return earlier_rows.ROWS.get(record.get("config"))
