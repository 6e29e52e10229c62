"""Which row of a paper a record is compared with."""

import pathlib

import pytest

from oneshot_tf.commands import configs
from oneshot_tf.evaluation import earlier_rows, papers
from oneshot_tf.evaluation.paper_protocols import PROTOCOLS

RESULTS = pathlib.Path(__file__).resolve().parents[2] / "results"


@pytest.mark.parametrize(
    "row, dataset, trained_on, tuned, key",
    [
        ("flmn_omniglot_1", "omniglot", "omniglot", None, "flmn_omniglot_1"),
        ("flmn_omniglot_1", "minimnist", "omniglot", None, "flmn_omniglot_1@minimnist"),
        ("flmn_omniglot_1", "mnist", "omniglot", None, None),
        ("flmn_omniglot_2", "minimnist", "omniglot", None, None),
        # a row is of what its paper trained on, whatever else a run that names it was trained on
        ("flmn_omniglot_1", "glyphs", "glyphs", None, None),
        ("matching_omniglot", "mnist", "tiny_imagenet", None, None),
        ("matching_omniglot", "omniglot", "omniglot", "finetuned", "matching_omniglot#finetuned"),
        ("matching_omniglot", "mnist", "omniglot", "finetuned", None),
        ("matching_omniglot", "mnist", "omniglot", None, "matching_omniglot@mnist"),
        ("classifier_omniglot", "omniglot", "omniglot", "softmax", "classifier_omniglot#softmax"),
        ("pixels_omniglot", "omniglot", "omniglot", "finetuned", None),
        (None, "omniglot", "omniglot", None, None),
        ("a row that is gone", "omniglot", "omniglot", None, None),
    ],
)
def test_key(row, dataset, trained_on, tuned, key):
    assert papers.key(row, dataset, trained_on, tuned) == key
    assert key is None or papers.ROWS[key]


def test_every_row_says_what_it_is_measured_on():
    plain = {key.partition("#")[0].partition("@")[0] for key in papers.ROWS}
    assert plain == set(PROTOCOLS) and set(papers.PERPLEXITIES) <= plain
    assert all(
        protocol.words and not protocol.words.endswith(".") for protocol in PROTOCOLS.values()
    )


def test_earlier_tables_name_rows_and_configs_that_are_there():
    assert set(earlier_rows.ROWS.values()) <= set(PROTOCOLS)
    assert set(earlier_rows.CONFIGS.values()) <= set(configs.names())


def test_a_name_says_nothing():
    """A stranger's flag file gets no figures by what it is called; an earlier run keeps its own."""
    for name in ("matching_omniglot_x", "flmn_omniglot_2_mine", "mann_omniglot_strings"):
        assert papers.named({"name": name})["paper_row"] is None
    earlier = papers.named({"name": "flmn_omniglot_1_paper_long"})
    assert earlier == {"paper_row": "flmn_omniglot_1", "paper_config": "flmn_omniglot_1_paper"}
    assert papers.named({"name": "flmn_glyphs"})["paper_config"] == "flmn_omniglot_1_paper"
    now = papers.named({"name": "flmn_omniglot_1", "paper_row": None, "paper_config": "other"})
    assert now == {"paper_row": None, "paper_config": "other"}


def test_rows_of_records():
    record = {"config": "flmn_omniglot_1", "paper": {"1": 31.1}}
    assert papers.row_of(record) == "flmn_omniglot_1"
    assert papers.row_of({**record, "paper": None}) is None
    assert papers.row_of({**record, "paper_row": "mann_omniglot"}) == "mann_omniglot"


def test_a_transductive_test_has_the_papers_transductive_figures_where_it_prints_both():
    given = ("omniglot", "omniglot", None)
    assert papers.key("reptile_omniglot", *given, True) == "reptile_omniglot#transductive"
    assert papers.key("reptile_omniglot", *given, False) == "reptile_omniglot"
    assert papers.key("maml_omniglot", *given, True) == "maml_omniglot"


def test_kept_records_have_the_figures_of_the_row_that_they_belong_to():
    from oneshot_tf.evaluation import records, tables

    kept, there = tables.read_records(RESULTS), set(configs.names())
    assert len(kept) > 70
    for record in kept:
        name = record["config"]
        row = configs.named(name).paper_row if name in there else earlier_rows.ROWS.get(name)
        trained_on, tuned = record["train"]["dataset"], records.tuned(record["protocol"])
        transductive = record["protocol"].get("bn") == "batch"
        key = papers.key(row, record["dataset"], trained_on, tuned, transductive)
        if any(name in record["protocol"] for name in records.NO_PAPERS):
            key = None
        assert record.get("paper_row", key) == key
        assert record["paper"] == papers.ROWS.get(key), (record["config"], record["dataset"])


@pytest.mark.parametrize("name", sorted(earlier_rows.ROWS.keys() & set(configs.names())))
def test_configs_name_the_rows_that_their_earlier_runs_had(name):
    config = configs.named(name)
    assert config.paper_row == earlier_rows.ROWS[name]
    assert PROTOCOLS[config.paper_row].dataset == config.data.dataset


@pytest.mark.parametrize("name", sorted(earlier_rows.CONFIGS.keys() & set(configs.names())))
def test_configs_name_the_papers_config_that_their_earlier_runs_had(name):
    assert configs.named(name).paper_config == earlier_rows.CONFIGS[name]


def test_every_row_of_one_model_has_the_figures_of_that_model():
    """[MM] table 3: what was trained at 1 shot is another model than what was trained at 5."""
    rows = [papers.ROWS[f"mmnet_uniform_mini_imagenet_{shot}shot"] for shot in (1, 5)]
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
    assert len(rows) == 30
    for row in rows:
        assert row["5w1s"] < row["5w5s"]
        if "20w1s" in row:
            assert row["20w1s"] < min(row["5w1s"], row["20w5s"])


def test_perplexities():
    found = [papers.perplexity(f"lstm_lm_{size}") for size in ("small", "medium", "large")]
    assert found == [114.5, 82.7, 78.4]
    assert papers.perplexity("lstm_omniglot") is None and papers.perplexity(None) is None
    assert configs.named("lstm_lm_small_ptb").paper_row == "lstm_lm_small"
    assert papers.ROWS["lstm_lm_small"] == {"5w1s": 72.8, "5w2s": 72.8, "5w3s": 72.8}
