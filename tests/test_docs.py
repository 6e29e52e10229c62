"""What the README and the docs name is there: functions, files, flags and their values, configs, links."""

import ast
import dataclasses
import fnmatch
import pathlib
import re

import pytest

from oneshot_tf import models
from oneshot_tf.evaluation import papers

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "oneshot_tf"
PAGES = [ROOT / "README.md", ROOT / "WORKSPACE.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAPERS = sorted(p for p in (ROOT / "docs" / "papers").glob("*.md") if p.name != "README.md")
CONFIGS = {path.stem for path in (ROOT / "configs").glob("*.flags")}
COMMANDS = re.compile(r"^python (?:train\.py|eval\.py|-m oneshot_tf\.(\w+))(.*)$")
# a config's name: a model's, what it was trained on, and what follows
NAMED = "|".join(models.MODELS)
SETS = r"(?:omniglot|(?:mini_|tiny_)?imagenet|lfw|ptb)"
CONFIG = re.compile(rf"(?:{NAMED})(?:_[a-z0-9*]+)*?\*?_{SETS}(?:_\w+)?")
FUNCTION = re.compile(r"((?:\w+/)*\w+)((?:\.[A-Za-z_]\w*)+)")
FILE = re.compile(r"[\w.*/-]+/[\w.*/-]*|\w+\.(?:py|md|toml|txt)")
FILES = (".py", ".md", ".json", ".jsonl", ".flags", ".png", ".toml", ".txt")
FLAG = re.compile(r"--([a-z]\w*)(?:=(\S+))?")


def short(path):
    return str(path.relative_to(ROOT))


def fences(text):
    """(the text without fenced blocks, the lines inside them)."""
    inside = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.M | re.S)
    joined = "".join(inside).replace("\\\n", " ")
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), joined.splitlines()


def quoted(text):
    """What stands in backticks, line breaks inside it mended."""
    return [" ".join(words.split()) for words in re.findall(r"`([^`]+)`", fences(text)[0])]


def commands(text):
    """The project's command lines of a page: [(module of `python -m oneshot_tf.` or "", the rest)]."""
    lines = fences(text)[1] + [words.replace("[", " ").replace("]", " ") for words in quoted(text)]
    parts = [part.strip() for line in lines for part in line.split("&&")]
    return [(m[1] or "", m[2]) for part in parts if (m := COMMANDS.match(part))]


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def known_flags():
    """{flag: its choices, or None where they are open}: of options classes and of commands."""
    found = {"flagfile": None, "help": None, "model": set(models.MODELS), "logdir": None}
    trees = [tree_of(path) for path in PACKAGE.rglob("*.py")]
    shared = choices_of_shared(trees)
    for tree in trees:
        for node in ast.walk(tree):
            field = isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            if field and isinstance(node.value, ast.Call):
                maker = getattr(node.value.func, "id", None)
                merge(found, node.target, shared.get(maker) or choices_of(node.value))
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in (
                "own",
                "OWN",
            ):
                for key in getattr(node.value, "keys", []):
                    found[key.value] = None
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_FIELDS":
                found |= {e.value: None for e in node.value.elts}
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                key = node.targets[0].slice
                if (
                    isinstance(key, ast.Constant)
                    and getattr(node.targets[0].value, "id", "") == "own"
                ):
                    found[key.value] = None
    return found


def merge(found, target, choices):
    """Adds a field; where several classes have it, the choices of all of them."""
    before = found.get(target.id, set())
    found[target.id] = None if None in (choices, before) else before | choices


def choices_of_shared(trees):
    """{function that makes an option which several classes have: its choices}."""
    found = {}
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.endswith("_option"):
                calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
                found[node.name] = next(filter(None, map(choices_of, calls)), None)
    return found


def choices_of(call):
    """The literal `choices` of an `option(...)`, or None."""
    for word in call.keywords:
        if word.arg == "choices" and isinstance(word.value, ast.Tuple):
            return {e.value for e in word.value.elts if isinstance(e, ast.Constant)}
    return None


FLAGS = known_flags()


def says_flag(name):
    """The flag that a word on the command line is of: `norotations` is of `rotations`."""
    return name if name in FLAGS else name.removeprefix("no")


def module_of(name):
    """The file of `ops/addressing` or `errors`, or None."""
    for path in (PACKAGE / f"{name}.py", PACKAGE / name / "__init__.py"):
        if path.is_file():
            return path
    return None


def has(body, names):
    """Whether a module or class body defines names[0], and that, names[1] and so on."""
    for node in body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        named = {getattr(node, "name", None), *(getattr(t, "id", None) for t in targets)}
        if names[0] in named:
            return len(names) == 1 or has(getattr(node, "body", []), names[1:])
    return False


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_functions_are_there(path):
    for words in quoted(path.read_text(encoding="utf-8")):
        found = FUNCTION.fullmatch(words)
        if not found or words.endswith(FILES):
            continue
        module = module_of(found[1].removeprefix("oneshot_tf/"))
        assert module or "/" not in words, f"{words}: no such module"
        if module:
            assert has(tree_of(module).body, found[2].strip(".").split(".")), words


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_files_are_there(path):
    for words in quoted(path.read_text(encoding="utf-8")):
        if not FILE.fullmatch(words) or words.startswith(("runs/", "DIR", "/", "my_")):
            continue
        if FUNCTION.fullmatch(words) and not words.endswith(FILES):
            continue
        folders = (
            ROOT,
            PACKAGE,
            ROOT / "tests",
            ROOT / "configs",
            ROOT / "pretrained/flmn_omniglot_1/1",
        )
        assert any(list(f.glob(words.rstrip("/"))) for f in folders) or module_of(words), words


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_flags_are_there_and_have_the_values_named(path):
    text = path.read_text(encoding="utf-8")
    said = [rest for _, rest in commands(text)]
    said += [words for words in quoted(text) if words.startswith("--")]
    for name, value in (found for rest in said for found in FLAG.findall(rest)):
        flag = says_flag(name)
        assert flag in FLAGS, f"--{name} is no flag"
        choices = FLAGS[flag]
        if value and choices and value != "NAME":
            assert value.strip("`,;") in map(str, choices), f"--{name}={value}"


def models_of(text):
    """The models that a paper's page is about, by its line `Models: ...`."""
    return re.findall(r"`(\w+)`", re.search(r"^Models: (.*)$", text, re.M)[1])


def options_table(text):
    """[(flag, the paper's value, our default)] of a page's tables of options, values as text."""
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        flags = re.findall(r"^`--(\w+)`", cells[0].replace(", ", "\n"), re.M)
        if flags and len(cells) == 4:
            values = [cell.split(", ") if len(flags) > 1 else [cell] for cell in cells[1:3]]
            rows += zip(flags, *(v * len(flags) if len(v) == 1 else v for v in values), strict=True)
    return rows


def value_of(cell):
    """The value that a cell of a table of options says, or None where it is in words."""
    if cell in ("on", "off"):
        return cell == "on"
    quoted_value, number = re.match(r"`(\w+)`", cell), re.fullmatch(r"[\d,]*\.?\d+", cell)
    if number:
        return float(cell.replace(",", ""))
    return quoted_value[1] if quoted_value else None


@pytest.mark.parametrize("path", PAPERS, ids=short)
def test_tables_of_options_are_true(path):
    """The paper's values are choices, and our defaults are those of one of the page's models."""
    text = path.read_text(encoding="utf-8")
    classes = [models.find(name).Options for name in models_of(text)]
    for flag, paper, default in options_table(text):
        fields = [f for cls in classes for f in dataclasses.fields(cls) if f.name == flag]
        assert flag in FLAGS, flag
        for cell in (paper, default):
            value = value_of(cell)
            assert not FLAGS[flag] or not isinstance(value, str) or value in FLAGS[flag], cell
        if fields and value_of(default) is not None:
            assert value_of(default) in [f.default for f in fields], f"--{flag}: {default}"


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_commands_are_there(path):
    for module, _ in commands(path.read_text(encoding="utf-8")):
        assert not module or (PACKAGE / f"{module}.py").is_file(), f"oneshot_tf.{module}"


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_configs_are_there(path):
    text = path.read_text(encoding="utf-8")
    for words in quoted(text):
        if CONFIG.fullmatch(words):
            known = fnmatch.filter(CONFIGS, words) or words in papers.ROWS
            assert known, f"{words} is no config, and no row of a paper"
    for name in re.findall(r"configs/([a-z]\w*)\.flags", text):
        assert name in CONFIGS, f"configs/{name}.flags"


def anchors(path):
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_links_lead_somewhere(path):
    text = fences(path.read_text(encoding="utf-8"))[0]
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_model_has_one_page():
    named = [name for path in PAPERS for name in models_of(path.read_text(encoding="utf-8"))]
    assert sorted(named) == sorted(models.MODELS)


def test_every_page_can_be_reached_from_the_readme():
    reached, left = set(), [ROOT / "README.md"]
    while left:
        path = left.pop()
        if path not in reached and path.suffix == ".md" and path.is_file():
            reached.add(path)
            targets = re.findall(r"\]\(([^)\s#]+)", path.read_text(encoding="utf-8"))
            left += [(path.parent / t).resolve() for t in targets if "://" not in t]
    assert {p.resolve() for p in PAGES} <= {p.resolve() for p in reached}


def test_the_readme_is_short_and_has_the_two_commands():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    for begin in ("python train.py", "python -m pytest"):
        assert any(line.startswith(f"pip install -r requirements.txt && {begin}") for line in lines)
