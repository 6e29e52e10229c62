"""Tables from planted records."""

import json

import numpy as np
import pytest

from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import tables


def record(config="flmn_x", seed=0, accuracy=None, kind="sequence", paper=None, **protocol):
    accuracy = accuracy or {"1": 30.0, "2": 80.0, "10": 90.0}
    return {
        "model": "flmn",
        "config": config,
        "seed": seed,
        "dataset": "omniglot",
        "protocol": {"kind": kind, "part": "test", "way": 5, "episodes": 1000, **protocol},
        "accuracy": {key: {"mean": mean, "ci95": 1.0} for key, mean in accuracy.items()},
        "paper": paper,
        "train": {"episodes": 100_000},
    }


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_mean_and_standard_deviation_over_seeds():
    paper = {"1": 31.1, "2": 85.6, "10": 94.1}
    made = [
        record(seed=s, accuracy={"1": 30.0, "2": 80.0 + s, "10": 90.0}, paper=paper)
        for s in range(3)
    ]
    lines = tables.sequence_table(tables.group(made)).splitlines()
    assert cells(lines[0])[4:] == ["1", "2", "3", "4", "5", "10"]
    assert cells(lines[2]) == [
        "`flmn_x`", "omniglot", "3", "100,000", "30.0 ± 0.0 (1.00)", "81.0 ± 1.0 (1.00)", "", "", "",
        "90.0 ± 0.0 (1.00)",
    ]  # fmt: skip
    assert cells(lines[3]) == [
        "*the paper's*",
        "",
        "",
        "",
        "*31.1*",
        "*85.6*",
        "",
        "",
        "",
        "*94.1*",
    ]
    assert len(lines) == 4


def test_one_seed_has_no_spread():
    assert tables.mean_and_spread([81.24]) == "81.2"
    assert tables.mean_and_spread([80.0, 82.0]) == "81.0 ± 1.4"


def test_a_key_that_one_seed_lacks_is_left_empty():
    members = [record(seed=0), record(seed=1, accuracy={"1": 30.0})]
    assert tables.cell(members, "2") == ""
    assert tables.cell(members, "1") == "30.0 ± 0.0 (1.00)"


def test_the_interval_is_that_of_the_mean_over_seeds():
    """Half of the 95 % interval over episodes of what seeds get right together."""
    right = np.array([[5, 9, 7, 10], [7, 9, 5, 8]])
    members = [
        {**record(seed=s), "right": {"1": " ".join(map(str, row))}, "shown": {"1": 10}}
        for s, row in enumerate(right)
    ]
    by_episode = 10.0 * right.mean(axis=0)
    expected = 1.96 * np.sqrt(np.sum((by_episode - by_episode.mean()) ** 2) / 3 / 4)
    assert tables.interval(members, "1") == pytest.approx(expected)
    assert tables.cell(members, "1") == f"30.0 ± 0.0 ({expected:.2f})"
    members[1]["protocol"]["seed"] = 7  # other episodes: there is no mean of each over seeds
    assert tables.interval(members, "1") == 1.0
    del members[1]["protocol"]["seed"]
    assert tables.interval(members, "1") == pytest.approx(expected)
    del members[1]["right"]  # of before episodes were kept
    assert tables.interval(members, "1") == 1.0


def test_a_training_of_a_changed_tree_is_marked():
    clean = record("clean") | {"train": {"episodes": 1, "commit": "abc"}, "commit": "abc+"}
    changed = record("changed") | {"train": {"episodes": 1, "commit": "abc+"}}
    text = tables.text([clean, changed])
    assert "`clean` |" in text and "`changed`† |" in text
    assert "† A seed or more" in text and "†" not in tables.text([clean])


def test_the_papers_protocols_are_named():
    made = record("any") | {"paper": {"1": 31.1}, "paper_row": "flmn_omniglot_1@minimnist"}
    text = tables.text([made, record("earlier_name")])
    assert "- `flmn_omniglot_1`: 1,209 of Omniglot's" in text
    assert "`--paper_row`" not in tables.text([record()])


def test_an_easier_split_is_said():
    at_random = {**record(rotations=True), "split": {"name": "characters"}}
    published = {**record("flmn_y"), "split": {"name": "vinyals"}}
    lines = tables.sequence_table(tables.group([at_random, published])).splitlines()
    assert [cells(line)[0] for line in lines[2:]] == [
        "`flmn_x` (characters split at random)",
        "`flmn_y`",
    ]


def test_protocols_are_kept_apart_but_not_their_episodes():
    made = [record(), record(seed=1, episodes=500), record(seed=1, test_rotations=True)]
    assert [len(g) for g in tables.group(made)] == [2, 1]
    assert "(rotated classes are classes)" in tables.text(made)


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "few_shot"},
        {"way": 20},
        {"shot": 5},
        {"queries": 1},
        {"augment_test": True},
        {"bn": "batch"},
        {"finetune": {"steps": 3, "rate": 0.1, "match": "own"}},
        {"orders": 3},
        {"mirrored_copies": "horizontal"},
        {"within_group": True},
        {"views": 4},
        {"rounds": True},
        {"steps": 10},
    ],
    ids=lambda said: next(iter(said)),
)
def test_what_is_asked_otherwise_is_another_test(said):
    assert [len(g) for g in tables.group([record(), record(seed=1, **said)])] == [1, 1]


def test_rounds_say_of_how_many_classes():
    assert tables.note(record(rounds=True, way=20)) == " (all 20 classes once, then again)"


def test_tests_of_other_classes_are_kept_apart():
    made = [record(seed=s) | {"split": {"name": n, "sha256": n}} for s, n in enumerate("ab")]
    assert [len(members) for members in tables.group(made)] == [1, 1]
    made[0]["split"]["trained_classes"] = 7
    assert tables.note(made[0]) == " (7 of its classes were trained on)"


def test_fine_tuned_tests_are_told_apart_by_their_rate():
    made = [
        record(kind="few_shot", finetune={"steps": 3, "rate": r, "match": "own"}) for r in (0.1, 1)
    ]
    assert tables.note(made[0]) == " (fine-tuned, 3 steps at 0.1)"
    assert tables.note(made[0]) != tables.note(made[1])


def test_an_oracle_says_so_and_stands_by_itself():
    made = [record(), record(seed=1, oracle=True)]
    assert [len(g) for g in tables.group(made)] == [1, 1]
    assert "(oracle: its encoder has seen the test classes)" in tables.text(made)


def test_episodes_of_training_are_shown():
    made = [record(seed=s) for s in range(3)]
    assert tables.episodes(made) == "100,000"
    made[1]["train"] = {"episodes": 80_000}
    assert tables.episodes(made) == "80,000 to 100,000"


def test_validation_classes_are_in_no_table():
    assert tables.group([record(part="validation")]) == []


def test_few_shot_columns_are_in_order_of_way_and_shot():
    accuracy = {"20w1s": 80.0, "5w5s": 98.0, "5w1s": 95.0}
    made = [record(kind="few_shot", accuracy=accuracy, paper={"5w1s": 98.1})]
    (table,) = tables.few_shot_tables(tables.group(made))
    lines = table.splitlines()
    assert cells(lines[0])[4:] == ["5-way 1-shot", "5-way 5-shot", "20-way 1-shot"]
    assert cells(lines[2])[4:] == ["95.0 (1.00)", "98.0 (1.00)", "80.0 (1.00)"]
    assert cells(lines[3])[4:] == ["*98.1*", "", ""]
    assert tables.sequence_table(tables.group(made)) is None


def test_two_records_of_one_seed_are_an_error():
    with pytest.raises(UserError, match="same seed"):
        tables.group([record(), record()])


def test_no_records_give_a_hint():
    assert "eval.py" in tables.text([])


def test_records_are_read_from_a_folder(tmp_path):
    (tmp_path / "b.json").write_text(json.dumps(record("b")))
    (tmp_path / "a.json").write_text(json.dumps(record("a")))
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "c.json").write_text("{}")
    assert [r["config"] for r in tables.read_records(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    "content, words", [("{", "not JSON"), ("[]", "no record"), ("{}", "no record")]
)
def test_what_is_no_record_is_named(tmp_path, content, words):
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(UserError, match=words) as caught:
        tables.read_records(tmp_path)
    assert "bad.json" in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_folder_is_a_users_error(tmp_path):
    with pytest.raises(UserError, match="no folder"):
        tables.read_records(tmp_path / "none")


def test_replacing_is_idempotent_and_keeps_the_rest(tmp_path):
    path = tmp_path / "results.md"
    path.write_text(f"# Title\n\n{tables.BEGIN}\nold\n{tables.END}\n\nmore\n")
    tables.replace(path, "| new |\n")
    once = path.read_text()
    assert once == f"# Title\n\n{tables.BEGIN}\n| new |\n{tables.END}\n\nmore\n"
    tables.replace(path, "| new |\n")
    assert path.read_text() == once
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    ["nothing", tables.BEGIN, f"{tables.END} {tables.BEGIN}", f"{tables.BEGIN}{tables.END}" * 2],
)
def test_missing_marks_are_an_error_and_leave_the_file(tmp_path, content):
    path = tmp_path / "results.md"
    path.write_text(content)
    with pytest.raises(UserError, match="must have the lines"):
        tables.replace(path, "new\n")
    assert path.read_text() == content


def test_unusual_settings_stand_in_a_table_of_their_own():
    usual = record("a", kind="few_shot", accuracy={"5w1s": 90.0, "5w5s": 95.0}, shot=[1, 5])
    every = {f"20w{s}s": 80.0 + s for s in range(1, 6)}
    by_shot = record("b", kind="few_shot", accuracy=every, shot=[1, 2, 3, 4, 5])
    of_words = record(
        "c", kind="few_shot", accuracy={f"5w{s}s": 30.0 + s for s in (1, 2, 3)}, shot=[1, 2, 3]
    )
    large = record("a", kind="few_shot", accuracy={"100w1s": 70.0, "400w1s": 60.0}, way=[100, 400])
    groups = tables.group([usual, by_shot, of_words, large])
    (first,) = tables.few_shot_tables(groups)
    many, second, third = tables.few_shot_tables(groups, usual=False)
    assert "`a`" in many and "400-way 1-shot" in many and "100-way" not in first
    assert "`c`" in third and "5-way 3-shot" in third and "`c`" not in second
    assert "`a`" in first and "`b`" not in first and "20-way" not in first
    assert "`b`" in second and "`a`" not in second
    assert cells(second.splitlines()[2])[4:] == [f"8{s}.0 (1.00)" for s in range(1, 6)]
    assert "other ways and shots" in tables.text(
        [by_shot]
    ) and "other ways and shots" not in tables.text([usual])
