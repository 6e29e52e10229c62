import dataclasses

import pytest

from oneshot_tf.commands import flags
from oneshot_tf.errors import UserError
from oneshot_tf.options import Options, option
from oneshot_tf.run_config import DataOptions, TrainOptions
from oneshot_tf.test_options import TestOptions


@dataclasses.dataclass(frozen=True)
class Common(Options):
    seed: int = option(0, "the seed", low=0)
    rate: float = option(0.1, "the rate")
    split: str | None = option(None, "which split")
    fast: bool = option(False, "be fast")


@dataclasses.dataclass(frozen=True)
class First(Options):
    size: int = option(8, "how large", formerly="extent")
    gate: str = option("step", "which gate", choices=("step", "scalar"))


@dataclasses.dataclass(frozen=True)
class Second(Options):
    size: int = option(9, "how large")
    heads: int = option(1, "how many heads", formerly="extent")


MODELS = {"first": First, "second": Second}
OWN = {"workdir": (str, "the folder")}


def parse(*words):
    return flags.parse(["train.py", *words], OWN, [Common], lambda: MODELS)


def test_only_what_was_said_is_there():
    parsed = parse("--workdir=runs/a", "--rate=0.5", "--fast", "--model=first", "--size=3")
    expected = {"workdir": "runs/a", "rate": 0.5, "fast": True, "model": "first", "size": 3}
    assert parsed.values == expected
    assert parsed.get("seed") is None and parsed.get("seed", 7) == 7
    assert parse().values == {}


@pytest.mark.parametrize(
    "word, value", [("--fast", True), ("--nofast", False), ("--fast=false", False)]
)
def test_booleans(word, value):
    assert parse(word).get("fast") is value


def test_options_take_flags_then_the_models_defaults_then_their_own():
    parsed = parse("--seed=3")
    options = parsed.options(Common, {"seed": 1, "rate": 0.7, "unrelated": 5})
    assert options == Common(seed=3, rate=0.7)


def test_a_home_that_no_shell_has_put_in(monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, "/its/home")
    words = ["--data_dir=~/pictures", "--export=~/a,b~c,~"]
    parsed = flags.parse(["train.py", *words], {"export": (str, "")}, [DataOptions])
    assert parsed.get("data_dir") == "/its/home/pictures"
    assert parsed.get("export") == "/its/home/a,b~c,/its/home"


def test_an_unknown_flag_is_named():
    with pytest.raises(
        UserError, match=r"Unknown command line flag 'sede'.*--help lists the flags"
    ):
        parse("--sede=3")


@pytest.mark.parametrize("word", ["--seed=three", "--rate=fast", "--fast=perhaps", "--seed=1.5"])
def test_a_value_of_the_wrong_type_is_named(word):
    with pytest.raises(UserError) as caught:
        parse(word)
    message = str(caught.value)
    assert word.split("=")[0].strip("-") in message and word.split("=")[1] in message
    assert "\n" not in message


def test_a_value_out_of_range_is_an_error_of_the_options():
    with pytest.raises(UserError, match="--seed must be at least 0. Received: -1"):
        parse("--seed=-1").options(Common)
    with pytest.raises(UserError, match="--gate must be one of step, scalar. Received: open"):
        parse("--model=first", "--gate=open").options(First)


def test_a_renamed_flag_says_its_new_name():
    with pytest.raises(UserError, match="^--extent is now --heads or --size$"):
        parse("--model=first", "--extent=3")


def test_another_models_flag_names_the_models_that_have_it():
    with pytest.raises(UserError, match="--heads is not a flag of first; it belongs to second"):
        parse("--model=first", "--heads=2")
    assert parse("--model=second", "--heads=2", "--size=1").options(Second) == Second(1, 2)


def test_an_unknown_model_is_named():
    with pytest.raises(UserError, match="--model must be one of first, second. Received: third"):
        parse("--model=third")


@pytest.mark.parametrize("words", [("fast",), ("--seed=1", "extra", "--fast"), ("--", "x")])
def test_words_that_are_no_flags_are_refused(words):
    with pytest.raises(UserError, match="Only flags are expected"):
        parse(*words)


def test_flag_file_with_comments_and_later_flags_win(tmp_path):
    path = tmp_path / "experiment.flags"
    path.write_text(
        "# the paper's text\n--model=first\n\n--seed=5\n# more\n--rate=0.25\n--nofast\n"
    )
    parsed = parse("--seed=1", f"--flagfile={path}", "--rate=0.75", "--fast")
    assert parsed.values == {"model": "first", "seed": 5, "rate": 0.75, "fast": True}


def test_a_flag_file_may_name_another(tmp_path):
    (tmp_path / "base.flags").write_text("--seed=5\n--rate=0.25\n")
    path = tmp_path / "variant.flags"
    path.write_text(f"--flagfile={tmp_path / 'base.flags'}\n--seed=6\n")
    assert parse(f"--flagfile={path}").values == {"seed": 6, "rate": 0.25}


def test_a_missing_flag_file_is_an_error_of_the_user(tmp_path):
    with pytest.raises(UserError, match="nothing.flags"):
        parse(f"--flagfile={tmp_path / 'nothing.flags'}")


def help_text(capsys, *words):
    with pytest.raises(SystemExit) as caught:
        parse(*words, "--help")
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_help_lists_the_common_flags(capsys):
    text = help_text(capsys)
    assert "--workdir: the folder" in text
    assert "--seed: the seed (default: 0)" in text
    assert "--split: which split\n" in text
    assert "one of first, second" in text and "--flagfile=FILE" in text
    assert "--heads" not in text and "--gate" not in text


def test_help_of_a_model_lists_its_flags_too(capsys):
    text = help_text(capsys, "--model=first")
    assert "--gate: which gate [step|scalar] (default: step)" in text
    assert "--seed: the seed" in text and "--heads" not in text
    assert "--size: how large (default: 8) (formerly --extent)" in text


def test_two_command_lines_do_not_see_each_other():
    assert parse("--seed=1").values == {"seed": 1}
    assert parse("--rate=1").values == {"rate": 1.0}


def exit_of(main):
    with pytest.raises(SystemExit) as caught:
        flags.run(main)
    return caught.value.code


def test_a_users_mistake_is_one_line_and_exit_code_one(capsys):
    def main(argv):
        raise UserError("--way must be smaller")

    assert exit_of(main) == 1
    captured = capsys.readouterr()
    assert captured.err == "error: --way must be smaller\n" and captured.out == ""


@pytest.mark.parametrize("code, expected", [(None, 0), (0, 0), (130, 130)])
def test_exit_codes(code, expected):
    assert exit_of(lambda argv: code) == expected


def test_our_own_bugs_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        flags.run(lambda argv: 1 // 0)


def test_real_options_make_flags():
    parsed = flags.parse(["x", "--episodes=10", "--optimizer=sgd"], {}, [TrainOptions])
    assert parsed.options(TrainOptions) == TrainOptions(episodes=10, optimizer="sgd")


@pytest.mark.parametrize(
    "word, expected",
    [("--way=5:20", (20, 5)), ("--way=7", (7, None)), ("--way=6:6", (6, 6))],
)
def test_a_span_sets_both_of_its_numbers(word, expected):
    parsed = flags.parse(["train.py", word], {}, [TrainOptions])
    options = parsed.options(TrainOptions, {"way": 30, "way_from": 10})
    assert (options.way, options.way_from) == expected


@pytest.mark.parametrize(
    "text, expected", [("5", (5,)), ("5,20", (5, 20)), ("2:4", (2, 3, 4)), ("2:3,3,7", (2, 3, 7))]
)
def test_numbers_are_one_some_or_all_between_two(text, expected):
    test = flags.parse(["eval", f"--way={text}"], {}, [TestOptions]).options(TestOptions)
    assert test.way == expected


@pytest.mark.parametrize("value", ["20:5", "5:", ":5", "5:6:7", "five", "5.0"])
def test_a_bad_span_is_one_line(value):
    with pytest.raises(UserError, match=f"--way must be a whole number, or low:high.*{value}"):
        flags.parse(["train.py", f"--way={value}"], {}, [TrainOptions])


@pytest.mark.parametrize("word", ["--way=1:5", "--shot=0:5"])
def test_both_ends_of_a_span_are_checked(word):
    with pytest.raises(UserError, match="_from must be at least"):
        flags.parse(["train.py", word], {}, [TrainOptions]).options(TrainOptions)


def test_help_with_a_model_shows_that_models_defaults(capsys):
    def said(*words):
        with pytest.raises(SystemExit):
            flags.parse(
                ["train.py", "--help", *words],
                {},
                [Common],
                lambda: MODELS,
                lambda name: {"seed": 7},
            )
        return capsys.readouterr().out

    assert "--seed: the seed (default: 7)" in said("--model=first")
    assert "--seed: the seed (default: 0)" in said()
