"""House rules that no formatter keeps."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
MODULES = sorted((ROOT / "oneshot_tf").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
# modules that are tested elsewhere: module -> the file that does it
TESTED_ELSEWHERE = {
    "serving/asking.py": "serving/test_card.py",
    "serving/settings.py": "serving/test_card.py",
    "run_config.py": "test_options.py",
    "evaluation/earlier_rows.py": "evaluation/test_papers.py",
    "evaluation/paper_protocols.py": "evaluation/test_papers.py",
    "test_options.py": "test_options.py",
    "training/update.py": "training/test_loop.py",
    "models/explicit_memory.py": "models/test_rare_events.py",
    "ops/slots.py": "ops/test_rare_events.py",
    "layers/memory_cell.py": "layers/test_unroll.py",
    "models/base.py": "contracts/test_models.py",
    "models/flmn.py": "contracts/test_models.py",
    "models/lstm.py": "contracts/test_models.py",
    "models/mann.py": "contracts/test_models.py",
    "models/ntm.py": "contracts/test_models.py",
    "figures/episode.py": "figures/test_drawing.py",
    "figures/memory.py": "figures/test_drawing.py",
    "sampling/sampler.py": "sampling/test_pipeline.py",
    "serving/citations.py": "serving/test_card.py",
    "serving/middleware.py": "serving/test_web.py",
    "serving/predicting.py": "serving/test_web.py",
    "runs/kinds.py": "runs/test_experiment.py",
    "commands/eval.py": "commands/test_train.py",
    "commands/export.py": "runs/test_exporting.py",
    "commands/prepare.py": "data/test_shards.py",
    "commands/prepare_mini_imagenet.py": "data/test_mini_imagenet_files.py",
    "benchmark.py": "test_import_order.py",
    "compare.py": "test_import_order.py",
    "export.py": "test_import_order.py",
    "predict.py": "test_import_order.py",
    "prepare.py": "test_import_order.py",
    "prepare_mini_imagenet.py": "test_import_order.py",
    "report.py": "test_import_order.py",
    "reproduce.py": "test_import_order.py",
    "serve.py": "test_import_order.py",
    "tune.py": "test_import_order.py",
}


def short(path):
    return str(path.relative_to(ROOT))


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def inside(path):
    return path.relative_to(ROOT / "oneshot_tf").as_posix()


def mirrored(path):
    """tests/ops/test_access.py of oneshot_tf/ops/access.py."""
    relative = path.relative_to(ROOT / "oneshot_tf")
    return ROOT / "tests" / relative.with_name(f"test_{relative.name}")


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(tree_of(path))


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__init__.py"], ids=short)
def test_every_module_has_a_test_at_the_mirrored_path(path):
    where = TESTED_ELSEWHERE.get(inside(path))
    assert where or mirrored(path).is_file(), f"{short(mirrored(path))} is missing"
    if where:
        assert (ROOT / "tests" / where).is_file()
        assert not mirrored(path).is_file(), "the entry of TESTED_ELSEWHERE is stale"


def test_no_entry_is_of_a_module_that_is_gone():
    assert set(TESTED_ELSEWHERE) <= {inside(path) for path in MODULES}


@pytest.mark.parametrize("path", MODULES + TESTS, ids=short)
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", MODULES + TESTS, ids=short)
def test_functions_are_short(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_no_text_or_tuple_times_a_condition(path):
    """`"s" * (n > 1)` is an `if` that has to be deciphered."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            sides = (node.left, node.right)
            texts = [isinstance(getattr(side, "value", None), str) for side in sides]
            listed = [isinstance(side, (ast.JoinedStr, ast.Tuple)) for side in sides]
            conditions = [
                isinstance(side, ast.Compare) or isinstance(getattr(side, "op", None), ast.Not)
                for side in sides
            ]
            counted = any(isinstance(getattr(side, "value", None), int) for side in sides)
            assert counted or not any(texts + listed + conditions), node.lineno


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_no_exception_is_swallowed(path):
    """No bare `except`, and no handler of everything that goes on as if nothing had happened."""
    for handler in ast.walk(tree_of(path)):
        if isinstance(handler, ast.ExceptHandler):
            assert handler.type is not None, handler.lineno
            everything = ast.unparse(handler.type) in ("Exception", "BaseException")
            raises = any(isinstance(node, ast.Raise) for node in ast.walk(handler))
            assert not everything or raises, handler.lineno
            only_pass = all(isinstance(node, ast.Pass) for node in handler.body)
            assert not only_pass, handler.lineno


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_public_functions_of_ops_and_contracts_are_documented(path):
    if inside(path).split("/")[0] not in ("ops", "sampling", "training", "data"):
        return
    for node in tree_of(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            one_liner = isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno < 4
            assert ast.get_docstring(node) or one_liner, node.name


def test_no_assertion_guards_the_library():
    """`assert` is gone under -O: what may happen is an error with a message."""
    found = [
        f"{short(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Assert)
    ]
    assert not found


def test_no_path_of_a_machine_is_in_the_text():
    words = re.compile(r"(?<![\w.])/(?:home|root|work|Users|mnt)/\w")
    for path in MODULES + [p for p in TESTS if p != pathlib.Path(__file__)]:
        assert not words.search(path.read_text(encoding="utf-8")), short(path)
