"""Which row of a paper a record is compared with."""

import pytest

from oneshot_tf.evaluation import papers


@pytest.mark.parametrize(
    "config, dataset, trained_on, name",
    [
        ("flmn_omniglot_1", "omniglot", "omniglot", "flmn_omniglot_1"),
        ("flmn_omniglot_1_paper", "omniglot", "omniglot", "flmn_omniglot_1"),
        ("flmn_omniglot_2_paper", "omniglot", "omniglot", "flmn_omniglot_2"),
        ("flmn_omniglot_1_paper", "minimnist", "omniglot", "flmn_omniglot_1@minimnist"),
        ("mann_1head_omniglot_1", "omniglot", "omniglot", "mann_1head_omniglot_1"),
        ("mann_1head_omniglot_1", "minimnist", "omniglot", "mann_1head_omniglot_1@minimnist"),
        ("mann_omniglot_long", "omniglot", "omniglot", "mann_omniglot"),
        ("lstm_omniglot", "omniglot", "omniglot", "lstm_omniglot"),
        ("ntm_omniglot", "omniglot", "omniglot", None),
        ("flmn_omniglot_1", "mnist", "omniglot", None),
        ("flmn_glyphs", "glyphs", "glyphs", None),
        ("flmn_omniglot_2", "minimnist", "omniglot", None),
    ],
)
def test_row(config, dataset, trained_on, name):
    assert papers.row(config, dataset, trained_on) == (papers.ROWS[name] if name else None)


def test_rows_are_percentages_that_grow_from_the_first_to_the_second_presentation():
    for row in papers.ROWS.values():
        assert all(0.0 < value < 100.0 for value in row.values())
        assert row["1"] < 46.0 and row["2"] > row["1"]
