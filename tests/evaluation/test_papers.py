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


@pytest.mark.parametrize(
    "config, dataset, tuned, name",
    [
        ("matching_omniglot", "omniglot", None, "matching_omniglot"),
        ("matching_omniglot_paper", "omniglot", None, "matching_omniglot"),
        ("matching_omniglot", "omniglot", "finetuned", "matching_omniglot#finetuned"),
        ("matching_fce_omniglot", "omniglot", None, None),
        ("matching_omniglot", "mnist", None, "matching_omniglot@mnist"),
        ("matching_omniglot", "mnist", "finetuned", None),
        ("classifier_omniglot", "omniglot", "softmax", "classifier_omniglot#softmax"),
        ("pixels_omniglot", "omniglot", "finetuned", None),
        ("matching_tiny_imagenet", "omniglot", None, None),
        ("matching_inception_imagenet_rand", "omniglot", None, None),
    ],
)
def test_row_of_a_tuned_model(config, dataset, tuned, name):
    expected = papers.ROWS[name] if name else None
    assert papers.row(config, dataset, "omniglot", tuned) == expected


@pytest.mark.parametrize("split", ["rand", "dogs"])
def test_rows_of_imagenet(split):
    for name in (
        "pixels_imagenet",
        "classifier_inception_imagenet",
        "matching_fce_inception_imagenet",
    ):
        config = f"{name}_{split}"
        assert papers.row(config, "imagenet", "imagenet") == papers.ROWS[config]
    assert papers.row(f"matching_inception_imagenet_{split}", "imagenet", "imagenet") is None


def test_every_row_of_one_model_has_the_figures_of_that_model():
    """[MM] table 3: what was trained at 1 shot is another model than what was trained at 5."""
    rows = [f"mmnet_uniform_mini_imagenet_{shot}shot" for shot in (1, 5)]
    rows = [papers.row(name, "mini_imagenet", "mini_imagenet") for name in rows]
    assert [row["5w1s"] for row in rows] == [52.74, 51.09]
    assert [row["5w5s"] for row in rows] == [60.33, 65.82]


def test_rows_are_percentages():
    for row in papers.ROWS.values():
        assert all(0.0 < value < 100.0 for value in row.values())


def test_sequences_grow_from_the_first_to_the_second_presentation():
    rows = [row for row in papers.ROWS.values() if "1" in row]
    assert len(rows) == 8
    assert all(row["1"] < 46.0 and row["2"] > row["1"] for row in rows)


def test_more_shots_and_fewer_ways_are_easier():
    rows = [row for row in papers.ROWS.values() if "5w5s" in row]
    assert len(rows) == 19
    for row in rows:
        assert row["5w1s"] < row["5w5s"]
        if "20w1s" in row:
            assert row["20w1s"] < min(row["5w1s"], row["20w5s"])


def test_perplexities():
    found = [papers.perplexity(f"lstm_lm_{size}_ptb") for size in ("small", "medium", "large")]
    assert found == [114.5, 82.7, 78.4]
    assert papers.perplexity("lstm_omniglot") is None
    row = papers.row("lstm_lm_small_ptb", "ptb", "ptb")
    assert row == {"5w1s": 72.8, "5w2s": 72.8, "5w3s": 72.8}
