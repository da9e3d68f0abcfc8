"""README, CHANGELOG and .ci/run say what is there: commands, metrics, keys, formulas, files, dependencies."""

import re
import struct
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import BaseModel
from test_dashboards import exported

from slmon.cli import app
from slmon.config.model import Config
from slmon.core.facts import Outcome, Verdict
from slmon.core.goals import FORMULAS

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text(encoding="utf-8")
CI = (TOP / ".ci" / "run").read_text(encoding="utf-8")
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMANDS = typer.main.get_command(app).commands   # type: ignore[attr-defined]
ON_THE_PBX = set(re.findall(r"^;?([a-z]+) *=", (TOP / "config" / "manager.conf").read_text(encoding="utf-8"), re.M))
AT_THE_TOP = {"CHANGELOG.md", "LICENSE", "README.md", "config", "dashboards", "docs", "pyproject.toml", "slmon",
              "tests"}


def section(title: str) -> str:
    """The text under a heading."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of a table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def in_code(text: str) -> list[str]:
    """What stands in backticks, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))


def keys(model: type[BaseModel]) -> set[str]:
    """Every key of the model and of those in it."""
    found = set(model.model_fields)
    for field in model.model_fields.values():
        found.update(*(keys(each) for each in models(field.annotation)))
    return found


def models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for each in getattr(annotation, "__args__", ()) for model in models(each)]


# ---- the two commands ----------------------------------------------------------------------------------------------

BLOCKS = re.findall(r"```sh\n(.*?)\n```", README, re.S)


def test_the_first_two_commands_start_the_demo_and_the_tests():
    demo, tests = BLOCKS[:2]
    assert "\n" not in demo + tests
    assert demo.endswith(".venv/bin/slmon demo")
    assert ".venv/bin/pytest" in tests


def test_ci_runs_the_tests_with_the_words_of_the_readme():
    assert BLOCKS[1] in [line.strip() for line in CI.splitlines()]


def test_ci_names_no_host_and_no_folder_of_one_machine():
    assert not re.findall(r"https?://|/home/|/root/|/opt/", CI)
    assert (TOP / ".ci" / "run").stat().st_mode & 0o111


# ---- what the code has, the README has, and the reverse ------------------------------------------------------------

def test_every_command_is_in_the_readme_and_none_besides():
    assert {row[0].strip("`") for row in rows(section("Commands"))} == {f"slmon {name}" for name in COMMANDS}
    assert set(re.findall(r"\bslmon ([a-z]+) --", README)) <= COMMANDS.keys()


def test_every_option_that_the_commands_table_names_exists():
    for name, words in ((row[0].strip("`").split()[1], row[1]) for row in rows(section("Commands"))):
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        assert {word.split()[0] for word in in_code(words) if word.startswith("--")} <= known


def test_every_metric_is_in_the_readme_with_its_labels_and_none_besides():
    told = {row[0].strip("`"): {label for label in row[1].split(", ") if label} for row in rows(section("Metrics"))}
    ours: dict[str, set[str]] = {}
    for name, labels in exported().items():
        if name.startswith("slmon_") and not name.endswith(("_created", "_count", "_sum")):
            ours[name.removesuffix("_bucket")] = set(labels) - {"le"}
    assert told == ours


def test_every_metric_that_is_spoken_of_exists():
    known = {name for name in exported() if name.startswith("slmon_")} | {"slmon_answer_seconds"}
    assert {word for word in in_code(README) if word.startswith("slmon_")} <= known


def test_every_formula_is_in_the_readme_and_none_besides():
    table = "| name |" + section("What counts as ...?").split("| name |", 1)[1]
    assert {name for row in rows(table) for name in in_code(row[0])} == set(FORMULAS)


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_explained(verdict):
    assert f"**{verdict}**" in section("What counts as ...?")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_explained(outcome):
    assert f"`{outcome}`" in section("What counts as ...?")


def test_every_dependency_is_in_the_readme_with_its_reason_and_none_besides():
    wanted = {re.split("[><=]", each)[0] for each in
              [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]}
    named = [name for row in rows(section("Dependencies")) for name in
             re.sub(r"\*.*?\*", "", row[0]).strip().split(", ")]
    assert sorted(named) == sorted(wanted)
    assert all(row[1] for row in rows(section("Dependencies")))


# ---- keys of the configuration -------------------------------------------------------------------------------------

def test_every_section_of_the_configuration_that_is_named_exists():
    named = {word.strip("[]") for word in in_code(README) if re.fullmatch(r"\[+[a-z_]+\]+", word)}
    assert named - {"general", "slmon"} <= set(Config.model_fields)          # these two are of manager.conf


def test_every_key_that_is_given_a_value_exists():
    named = {match[1] for word in in_code(README) if (match := re.match(r"([a-z_]+) = ", word))}
    assert named <= keys(Config) | ON_THE_PBX


def test_every_word_in_code_that_could_be_a_key_is_one_or_a_word_of_ours():
    ours = {*FORMULAS, *Outcome, *Verdict, *PROJECT["dependencies"], "_other", "demo", "slmon", "good", "ceiling",
            "pbx", "line", "queue"}
    could_be = {word for word in in_code(README) if re.fullmatch(r"[a-z_]+", word) and not word.startswith("slmon_")}
    assert could_be <= keys(Config) | ON_THE_PBX | ours


# ---- files ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_every_link_leads_to_a_file_that_is_there(page):
    links = re.findall(r"\]\(([^)]+)\)", (TOP / page).read_text(encoding="utf-8"))
    assert [link for link in links if not link.startswith("https://") and not (TOP / link).exists()] == []


def test_the_picture_is_of_a_tv_and_light():
    picture = (TOP / "docs" / "wallboard.png").read_bytes()
    assert struct.unpack(">II", picture[16:24]) == (1920, 1080)
    assert len(picture) < 300_000


def test_the_changelog_tells_of_this_version():
    assert f"## [{PROJECT['version']}]" in (TOP / "CHANGELOG.md").read_text(encoding="utf-8")


def test_nothing_else_is_at_the_top():
    ignored = [line.rstrip("/") for line in (TOP / ".gitignore").read_text(encoding="utf-8").split()]
    there = {path.name for path in TOP.iterdir() if not any(fnmatch(path.name, pattern) for pattern in ignored)}
    assert {name for name in there if not name.startswith(".")} == AT_THE_TOP


# ---- faults --------------------------------------------------------------------------------------------------------

def fault_rows() -> list[list[str]]:
    parts = (TOP / "docs" / "faults.md").read_text(encoding="utf-8").split("\n## ")[1:]
    return [row for part in parts for row in rows(part)]


def test_every_fault_of_the_list_has_its_row():
    assert [int(row[0]) for row in fault_rows()] == list(range(1, 49))


@pytest.mark.parametrize("row", fault_rows(), ids=lambda row: row[0])
def test_every_fault_is_shown_by_tests_that_are_there(row):
    _, fault, behaviour, tests = row
    assert fault
    assert behaviour
    named = in_code(tests)
    assert named
    for each in named:
        file, _, test = each.partition("::")
        assert re.search(rf"^(async )?def {test}\(", (TOP / "tests" / file).read_text(encoding="utf-8"), re.M), each
