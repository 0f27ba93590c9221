"""How the source reads, as programs: layers, doors, one loop, nothing rescued in silence, documented as built."""

from __future__ import annotations

import ast
import graphlib
import inspect
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "logloss"
FRONT = "__init__"  # the front door, src/logloss/__init__.py

# Imports point down this list, those inside functions too. Rooms on one line, between bars, do not know each other.
LAYERS = """
cli | integrations
estimators
show.report | show.explanation
show.plot
show.drawings
show.words
show.page
files
segmentation
monitoring
difference
comparison
calibration
training
measurement
inference
information | answers
onepass.engines
onepass.run
onepass.summaries
data.forecasters
data.binding
data.request
data.derived_source
data.source | data.design
data.pairs
data.coded
data.binned
data.derived
data.terms
data.matrix_columns
data.columns | data.shapes | data.sparse_rows
data.functions | data.hashed_text
data.arrow | data.block | data.dense_matrix
data.checks
onepass.kernels
data.keys | data.grammar
data.rows
data.values
text | errors | version
"""
DEPTH = {
    name.strip(): depth for depth, line in enumerate(LAYERS.split("\n")) for name in line.split("|") if name.strip()
}
EXEMPT = {FRONT, "__main__"}
# The table through which answers find who renders them, and the front door, which imports names when they are used.
FINDERS = {"answers.answer", FRONT}
# Names that may occur twice: an answer, what shows one kind of answer, a command, and the same picture as numbers and ink.
MAY_REPEAT = re.compile(r"__init__|answer|of_\w+|\w+_command")

# Where a heavy package may be imported at module level.
HEAVY_AT_MODULE_LEVEL: dict[str, set[str]] = {
    "numba": {"onepass.kernels"},
    "pyarrow": {"data.arrow"},
    "click": {"cli"},
    "sklearn": {"estimators", "integrations.scikit_learn"},
    "xgboost": {"integrations.xgboost"},
    "matplotlib": {"show.plot"},
    "lightgbm": set(),
    "mlflow": set(),
    "torch": set(),
    "scipy": set(),
    "threadpoolctl": set(),
    "tqdm": set(),
    "narwhals": set(),
    "pandas": set(),
    "polars": set(),
    "duckdb": set(),
    "pyspark": set(),
    "dask": set(),
    "distributed": set(),
}
# Where a heavy package may be imported at all; scikit-learn's scorer stands beside the metrics of other trainers.
ONE_DOOR = {
    "pyarrow": {"data.arrow"},
    "sklearn": {"estimators", "integrations.scikit_learn"},
    "matplotlib": {"show.plot"},
    "pyspark": {"onepass.engines"},
    "dask": {"onepass.engines"},
    "distributed": {"onepass.engines"},
    "xgboost": {"integrations.xgboost"},
    "mlflow": {"integrations.mlflow"},
    # Nothing of these is imported: they hand over all that is needed.
    "lightgbm": set(),
    "torch": set(),
}
JUNK_DRAWERS = {"utils", "common", "core", "helpers", "misc", "base"}


@dataclass(frozen=True)
class Import:
    """One name that a module imports, and from where in the module."""

    module: str  # who imports, e.g. "data.block"
    target: str  # what, in full, e.g. "logloss.text" or "numpy.random"
    line: int
    functions: tuple[str, ...]  # the functions around it; a method counts as "Class.method"

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


@cache
def modules() -> dict[str, ast.Module]:
    """Every module below src/logloss by its dotted name without "logloss."; a package has the name of its folder."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return found


def is_package(module: str) -> bool:
    return module == FRONT or (SOURCE / module.replace(".", "/")).is_dir()


def is_at(module: str, place: str) -> bool:
    """Whether the module is the place, or lies in the folder that the place has grown into."""
    return module == place or module.startswith(place + ".")


def place_of(module: str) -> str | None:
    """The name in the list of layers under which the module falls."""
    return next((place for place in DEPTH if is_at(module, place)), None)


def walk(node: ast.AST, functions: tuple[str, ...] = (), owner: str = "") -> Iterator[tuple[ast.AST, tuple[str, ...]]]:
    """Every node that runs, with the functions around it; what stands under `if TYPE_CHECKING` is left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for other in child.orelse:
                yield other, functions
                yield from walk(other, functions, owner)
        elif isinstance(child, ast.ClassDef):
            yield child, functions
            yield from walk(child, functions, child.name)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child, functions
            yield from walk(child, (*functions, f"{owner}.{child.name}" if owner else child.name))
        else:
            yield child, functions
            yield from walk(child, functions, owner)


def imports_of(module: str, tree: ast.Module) -> Iterator[Import]:
    """What the module imports; a name taken from a package is resolved to the module that it is, if it is one."""
    here = ["logloss", *([] if module == FRONT else module.split("."))]
    package = here if is_package(module) else here[:-1]
    for node, functions in walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, functions)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                is_module = inner.removeprefix("logloss.") in modules()
                yield Import(module, inner if is_module else base, node.lineno, functions)


@cache
def all_imports() -> list[Import]:
    return [found for module, tree in modules().items() for found in imports_of(module, tree)]


def inside(found: Import) -> str | None:
    """The module of ours that is imported, or None if it is somebody else's."""
    if found.target == "logloss":
        return FRONT
    return found.target.removeprefix("logloss.") if found.target.startswith("logloss.") else None


def places(kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> Iterator[tuple[str, ast.AST]]:
    """Every node of a kind in the source, with the module it stands in."""
    return ((module, node) for module, tree in modules().items() for node in ast.walk(tree) if isinstance(node, kind))


def test_every_module_has_its_layer():
    """A file that is not in the list has no agreed neighbours; rooms that are split in it import nothing themselves."""
    rooms = {place.split(".")[0] for place in DEPTH if "." in place}
    lost = [module for module in modules() if module not in EXEMPT | rooms and place_of(module) is None]
    assert lost == []
    assert [str(found) for found in all_imports() if found.module in rooms and inside(found)] == []


def test_imports_point_down():
    """The tree reads in the order the data travels only if nothing below knows what is above it, or beside it."""
    wrong = []
    for found in all_imports():
        target = inside(found)
        if target is None or found.module in EXEMPT:
            continue
        mine, theirs = place_of(found.module), place_of(target)
        if mine is None or theirs is None or (mine != theirs and DEPTH[theirs] <= DEPTH[mine]):
            wrong.append(str(found))
    assert wrong == []


def test_modules_do_not_import_each_other_in_a_ring():
    """Counted with the imports inside functions: a ring is one room with several doors, whatever the files say."""
    graph: dict[str, set[str]] = {}
    for found in all_imports():
        target = inside(found)
        if target is not None and found.module not in EXEMPT and target != found.module:
            graph.setdefault(found.module, set()).add(target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
        ring = []
    except graphlib.CycleError as error:
        ring = error.args[1]
    assert ring == []


def test_modules_are_found_by_name_in_one_table():
    """An import by a name that is put together escapes the two tests above."""
    wrong = [
        str(found)
        for found in all_imports()
        if found.target in {"importlib", "runpy", "pkgutil"} and found.module not in FINDERS
    ]
    wrong += [
        f"{module}:{node.lineno} calls __import__" for module, node in places(ast.Name) if node.id == "__import__"
    ]
    assert wrong == []


def test_a_file_s_name_occurs_once():
    """Two files of one name are told apart by nobody who reads a traceback, a tab or a search."""
    files: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if not MAY_REPEAT.fullmatch(path.stem):
            files.setdefault(path.stem, []).append(path.relative_to(SOURCE).as_posix())
    assert [places for places in files.values() if len(places) > 1] == []


def test_heavy_packages_wait_until_they_are_needed():
    """`import logloss` is quick because only numpy is imported at module level outside the doors."""
    wrong = []
    for found in all_imports():
        doors = HEAVY_AT_MODULE_LEVEL.get(found.target.split(".")[0])
        if doors is not None and not found.functions and not any(is_at(found.module, door) for door in doors):
            wrong.append(str(found))
    assert wrong == []


def test_packages_with_one_door_use_it():
    """When such a package changes, one file of ours changes."""
    wrong = []
    for found in all_imports():
        doors = ONE_DOOR.get(found.target.split(".")[0])
        if doors is not None and not any(is_at(found.module, door) for door in doors):
            wrong.append(str(found))
    assert wrong == []


def takes_rows(node: ast.AST) -> bool:
    """Whether rows are taken out of a part here: `part.blocks()`, `part.rows()`."""
    is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args
    return is_method and node.func.attr in {"blocks", "rows"}


def test_there_is_one_loop_over_blocks():
    """Threads, progress and the order of merging are decided in one place, whatever the loop's variable is called.

    Rows are taken out of parts in `run.py` only, where `hand_out` alone loops over them. A part that stands around
    another one may take its rows in its own `rows` or `blocks`, which `run.py` takes in turn.
    """
    wrong = [
        f"{module}:{node.lineno}"
        for module, tree in modules().items()
        for node, functions in walk(tree)
        if takes_rows(node)
        and module != "onepass.run"
        and not re.fullmatch(r"\w+\.(rows|blocks)", "".join(functions[-1:]))
    ]
    assert wrong == []
    run = modules()["onepass.run"]
    handed_out = [each for each in ast.walk(run) if isinstance(each, ast.Call) and ast.unparse(each.func) == "hand_out"]
    inside = [node for call in handed_out for node in ast.walk(call) if takes_rows(node)]
    assert len(inside) == len([node for node in ast.walk(run) if takes_rows(node)]) > 0


def test_input_is_never_checked_by_assert():
    """`python -O` takes asserts out, and their message helps nobody."""
    assert [f"{module}:{node.lineno}" for module, node in places(ast.Assert)] == []


def test_only_the_shell_prints():
    """A library that prints cannot be used inside another program."""
    prints = [
        f"{module}:{node.lineno}"
        for module, node in places(ast.Call)
        if isinstance(node.func, ast.Name) and node.func.id == "print" and not is_at(module, "cli")
    ]
    assert prints == []


def test_nothing_is_rescued_in_silence():
    """Catching everything also catches our own faults; only the shell does, to word them."""

    def is_blind(handler: ast.ExceptHandler) -> bool:
        if handler.type is None:
            return True
        caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        return any(ast.unparse(each) in {"Exception", "BaseException"} for each in caught)

    blind = [
        f"{module}:{node.lineno}"
        for module, node in places(ast.ExceptHandler)
        if is_blind(node) and not is_at(module, "cli")
    ]
    assert blind == []


def test_no_room_is_a_junk_drawer():
    """A name that fits everything ends up holding everything."""
    assert [module for module in modules() if JUNK_DRAWERS & {part.strip("_") for part in module.split(".")}] == []


def test_the_path_of_a_row_names_every_file():
    """A newcomer reads one page to know where a line stands; a file that is not on it, or no longer there, misleads."""
    page = PAGE.read_text(encoding="utf-8")
    rows = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `")]
    named = re.findall(r"`([\w*/]+\.py)`", "\n".join(rows))
    files = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")}
    folders = {file for file in files if "/" in file and file.endswith("/__init__.py")}
    unnamed = [file for file in sorted(files - folders) if not any(fnmatch(file, name) for name in named)]
    assert unnamed == []
    assert [name for name in named if not any(fnmatch(file, name) for file in files)] == []


PAGE = ROOT / "docs" / "path-of-a-row.md"
INDEX = "## Where a name is defined\n"


def index_of_names() -> str:
    """The last section of the path of a row: the classes, functions and constants of each file, private ones apart."""
    lines = [INDEX]
    for path in sorted(SOURCE.rglob("*.py")):
        names: list[str] = []
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.append(node.name)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names += [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
        shown = [name for name in dict.fromkeys(names) if not name.startswith("_")]
        if shown:
            lines.append(f"- `{path.relative_to(SOURCE).as_posix()}`: {', '.join(shown)}")
    return "\n".join(lines) + "\n"


def test_the_index_of_names_is_that_of_the_source():
    """`python tests/test_style.py` writes it anew."""
    page = PAGE.read_text(encoding="utf-8")
    assert page[page.index(INDEX) :] == index_of_names()


def public_names() -> dict[str, object]:
    import logloss

    return {name: getattr(logloss, name) for name in logloss.__all__}


def documented_parameters(docstring: str) -> list[str] | None:
    """The names in the Parameters section of a numpydoc docstring; None if it has no such section."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", docstring, re.MULTILINE | re.DOTALL)
    if section is None:
        return None
    heads = [line for line in section[1].splitlines() if line and not line[0].isspace()]
    return [
        name.strip() for head in heads for name in head.split(" :")[0].split(",") if not name.strip().startswith("*")
    ]


def real_parameters(thing: object) -> list[str]:
    starred = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    parameters = inspect.signature(thing).parameters.values()
    return [each.name for each in parameters if each.name not in {"self", "cls"} and each.kind not in starred]


def public_callables() -> Iterator[tuple[str, object]]:
    """Public functions and classes, and the public methods that those classes define themselves."""
    for name, thing in public_names().items():
        if callable(thing):
            yield name, thing
        if inspect.isclass(thing) and not issubclass(thing, BaseException):
            for key, method in vars(thing).items():
                method = getattr(method, "__func__", method)
                if inspect.isfunction(method) and not key.startswith("_"):
                    yield f"{name}.{key}", method


def test_public_names_exist():
    """A name that is offered and missing fails only when somebody uses it."""
    names = public_names()
    assert len(names) > 0
    assert all(thing is not None for thing in names.values())


def test_public_things_are_explained():
    """Whoever types help() reads a docstring, and for a function an example."""
    silent = []
    for name, thing in public_callables():
        docstring = inspect.cleandoc(thing.__doc__ or "")
        is_public_function = "." not in name and not inspect.isclass(thing)
        # A dataclass without a docstring is given its signature as one.
        if not docstring or docstring.startswith(f"{name}("):
            silent.append(f"{name} has no docstring")
        elif is_public_function and not re.search(r"^Examples\n-{8}$", docstring, re.MULTILINE):
            silent.append(f"{name} has no Examples")
    assert silent == []


def test_documented_parameters_are_the_real_ones():
    """Functions document every parameter; where a class or a method has a Parameters section, it is the whole truth."""
    wrong = []
    for name, thing in public_callables():
        documented = documented_parameters(inspect.cleandoc(thing.__doc__ or ""))
        must_document = "." not in name and not inspect.isclass(thing)
        if documented is None and not must_document:
            continue
        real = real_parameters(thing)
        if (documented or []) != real:
            wrong.append(f"{name}: documented {documented or []}, real {real}")
    assert wrong == []


def proves_something(test: ast.AST) -> bool:
    for node in ast.walk(test):
        if isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            last = name.split(".")[-1]
            if last in {"raises", "warns"} or last.startswith(("assert_", "check_")) or name.startswith("laws."):
                return True
    return False


def test_every_test_proves_something():
    """A test that cannot fail is worse than none: it is counted."""
    empty = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_function and node.name.startswith("test") and not proves_something(node):
                empty.append(f"{path.name}:{node.lineno} {node.name}")
    assert empty == []


def test_no_file_names_a_place_on_somebodys_machine():
    """Such a path works for its author only."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("only a git checkout knows which files belong to the project")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    machine_path = re.compile(r"(?<![\w.~])/(?:home|work|tmp|root|Users)/")
    named = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if not path.is_file() or b"\0" in path.read_bytes()[:8192]:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if machine_path.search(line):
                named.append(f"{name}:{number}: {line.strip()[:100]}")
    assert named == []


if __name__ == "__main__":
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(INDEX)
    PAGE.write_text(before + index_of_names(), encoding="utf-8")
