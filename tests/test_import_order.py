"""Nothing flows back: no folder imports one to its right."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1] / "oneshot_tf"
LEFT = {
    "",
    "errors",
    "options",
    "run_config",
    "test_options",
    "episodes",
    "files",
}  # what all may import
ORDER = [
    "data",
    "sampling",
    "ops",
    "layers",
    "models",
    "training",
    "evaluation",
    "figures",
    "serving",
]
ORDER += ["runs", "commands", "api"]
# what a folder may import besides itself; the others may import all to their left
ONLY = {
    "data": LEFT,
    "sampling": {"data"} | LEFT,
    "ops": set(),
    "layers": {"ops"},
    "models": {"layers", "ops"} | LEFT,
}
MODULES = sorted(ROOT.rglob("*.py"))


def name_of(path):
    """oneshot_tf/ops/access.py -> "ops.access"; a package is its folder's name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imports(path):
    """The modules of ours that a module imports, anywhere in it, without "oneshot_tf."."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name is from"
            found |= {node.module}
            if node.module.split(".")[0] == "oneshot_tf":
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {name.partition(".")[2] for name in found if name.split(".")[0] == "oneshot_tf"}
    named = ours & NAMES
    # `from oneshot_tf.ops import access` is of ops.access alone
    return {n for n in named if not any(other.startswith(f"{n}.") for other in named) and n}


def folder_of(name):
    """The folder of a module, or its own name at the top."""
    return name.split(".")[0]


def test_every_module_is_seen():
    assert {folder_of(name) for name in NAMES} >= {*ORDER, *LEFT}
    assert imports(ROOT / "layers" / "lrua_cell.py") == {
        "layers.memory_cell",
        "ops.access",
        "ops.addressing",
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: name_of(path) or "oneshot_tf")
def test_imports(path):
    name = name_of(path)
    own, used = folder_of(name), imports(path)
    if not own:  # the package itself: what it names is imported when it is asked for
        assert {folder_of(other) for other in used} <= {"api", "errors", "serving"}
    elif own in LEFT:
        assert {folder_of(other) for other in used} <= LEFT
    elif own in ORDER:
        left = set(ORDER[: ORDER.index(own)]) | LEFT
        allowed = ONLY.get(own, left) | {own}
        assert {folder_of(other) for other in used} <= allowed
    else:  # `python -m oneshot_tf.<name>`, which only starts a command
        assert used == {"commands.flags", f"commands.{own}"}
    if own in ("training", "evaluation", "figures", "serving"):
        assert {other for other in used if folder_of(other) == "models"} <= {"models.base"}


def test_modules_do_not_import_in_circles():
    left, done = {name_of(p): imports(p) - {name_of(p)} for p in MODULES}, set()
    while left:
        ready = {name for name, used in left.items() if not used - done}
        assert ready, f"in a circle: {sorted(left)}"
        done |= ready
        left = {name: used for name, used in left.items() if name not in ready}


def test_tensorflow_is_not_started_by_data_or_options():
    """The help of a command and the reading of pictures need no TensorFlow at import."""
    for path in [
        ROOT / "options.py",
        ROOT / "errors.py",
        ROOT / "commands" / "flags.py",
        *(ROOT / "data").glob("*.py"),
    ]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {a.name for node in tree.body if isinstance(node, ast.Import) for a in node.names}
        assert not {n for n in names if n.split(".")[0] in ("tensorflow", "tf_keras")}, path


def test_nothing_below_the_commands_sees_a_command_line():
    for path in MODULES:
        if folder_of(name_of(path)) != "commands":
            text = path.read_text(encoding="utf-8")
            assert "parsed" not in text and "absl" not in text, path


def test_kinds_of_episodes_are_told_apart_in_one_file():
    """Elsewhere an object of `runs/kinds.py`, or the model's contract, knows what differs."""
    for path in MODULES:
        if folder_of(name_of(path)) == "models" or name_of(path) == "runs.kinds":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
                assert not any(side.endswith(".episode") for side in sides), (path, node.lineno)
