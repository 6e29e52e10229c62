"""The accuracies that the papers print, in percent, by the rows of their tables."""

_PRESENTATIONS = ("1", "2", "3", "4", "5", "10")


def _row(*values, keys=_PRESENTATIONS):
    return dict(zip(keys, values, strict=True))


# (model, experiment) -> row. [FLMN] is Mureja et al. 2017, tables 1 and 2; [MANN] Santoro et al.
# 2016, table 1. The MANN of [FLMN] has one read head.
ROWS = {
    "flmn_omniglot_1": _row(31.1, 85.6, 88.7, 89.5, 91.0, 94.1),
    "flmn_omniglot_2": _row(33.9, 86.5, 89.1, 89.7, 91.1, 94.4),
    "mann_1head_omniglot_1": _row(21.6, 66.7, 74.0, 76.0, 76.3, 78.1),
    "mann_1head_omniglot_2": _row(22.2, 65.5, 72.0, 74.5, 76.4, 77.2),
    "mann_omniglot": _row(36.4, 82.8, 91.0, 92.6, 94.9, 98.1),
    "lstm_omniglot": _row(24.4, 49.5, 55.3, 61.0, 63.6, 62.5),
    "flmn_omniglot_1@minimnist": _row(28.5, 67.6, 80.5, keys=("1", "2", "10")),
    "mann_1head_omniglot_1@minimnist": _row(14.6, 37.3, 52.0, keys=("1", "2", "10")),
}


def row(config, dataset, trained_on):
    """The paper's figures that a record compares with, or None.

    Args:
      config: the config's name; what follows a row's name ("_paper", "_long") does not count.
      dataset: what was tested on.
      trained_on: what was trained on.
    """
    suffix = "" if dataset == trained_on else f"@{dataset}"
    for name in sorted(ROWS, key=len, reverse=True):
        base = name.removesuffix(suffix) if suffix else name
        if name.endswith(suffix) and "@" not in base and config.startswith(base):
            return ROWS[name]
    return None
