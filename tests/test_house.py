"""The house rules that the architecture stands on, held by reading the source."""

import ast
import sys
from pathlib import Path

import pytest

SLMON = Path(__file__).parent.parent / "slmon"
CORE = sorted((SLMON / "core").glob("*.py"))
PURE = [*CORE, *(path for name in ("wire", "translate", "snapshot") if (path := SLMON / "ami" / f"{name}.py").exists())]
CORE_MAY_USE = {"holidays"}
IMPURE_MODULES = {
    "asyncio", "concurrent", "http", "io", "logging", "multiprocessing", "os", "pathlib", "pickle", "queue", "random",
    "secrets", "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
    "threading", "time", "tomllib", "urllib", "uuid", "warnings",
}
MAY_KNOW = {        # rooms that stand side by side, and what stands below them
    "ami": {"addresses", "core"},
    "store": {"core", "privacy"},
    "web": {"addresses", "core"},
    "simulator": {"core"},
}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "now", "utcnow", "today", "monotonic", "perf_counter"}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """The full names of the modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names.update(each.name for each in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            names.add(node.module or "")
    return names


def name(path: Path) -> str:
    return str(path.relative_to(SLMON))


def test_the_core_is_found():
    assert {"goals.py", "hours.py", "scoreboard.py"} <= {path.name for path in CORE}


@pytest.mark.parametrize("path", CORE, ids=name)
def test_core_imports_only_core_and_the_standard_library(path: Path):
    foreign = {module for module in imported(path)
               if module != "slmon.core" and not module.startswith("slmon.core.")
               and module.split(".")[0] not in sys.stdlib_module_names | CORE_MAY_USE}
    assert foreign == set()


@pytest.mark.parametrize("path", PURE, ids=name)
def test_pure_rooms_import_no_clock_log_file_or_socket(path: Path):
    assert {module.split(".")[0] for module in imported(path)} & IMPURE_MODULES == set()
    assert {"slmon.config", "slmon.store", "slmon.web", "slmon.daemon"} & imported(path) == set()


@pytest.mark.parametrize("path", PURE, ids=name)
def test_pure_rooms_wait_for_nothing_and_ask_no_clock(path: Path):
    impure = [f"{path.name}:{node.lineno} {ast.unparse(node)[:60]}" for node in ast.walk(parsed(path))
              if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
              or (isinstance(node, ast.Call) and called(node) in IMPURE_CALLS)]
    assert impure == []


def called(node: ast.Call) -> str:
    """The last name of what is called: `now` of `datetime.now(UTC)`; `self.x()` is the object's own affair."""
    function = node.func
    if isinstance(function, ast.Attribute):
        own = isinstance(function.value, ast.Name) and function.value.id == "self"
        return "" if own else function.attr
    return function.id if isinstance(function, ast.Name) else ""


@pytest.mark.parametrize("path", sorted(SLMON.rglob("*.py")), ids=name)
def test_every_module_says_what_it_hides(path: Path):
    assert ast.get_docstring(parsed(path)), f"{path} has no docstring"


@pytest.mark.parametrize("path", sorted((SLMON / "web").glob("*.py")), ids=name)
def test_the_web_reads_figures_and_makes_no_facts(path: Path):
    assert not {module for module in imported(path)
                if module.startswith(("slmon.ami", "slmon.core.switchboard"))}


@pytest.mark.parametrize("room", MAY_KNOW)
def test_a_room_knows_only_what_stands_below_it(room: str):
    known = {module.split(".")[1] for path in (SLMON / room).glob("*.py") for module in imported(path)
             if module.startswith("slmon.")}
    assert known - {room} <= MAY_KNOW[room]


def test_only_the_door_of_the_wire_knows_the_package_that_speaks_ami():
    users = {name(path) for path in SLMON.rglob("*.py")
             if any(module.split(".")[0] == "asterisk" for module in imported(path))}
    assert all(user.startswith("ami/") for user in users)
