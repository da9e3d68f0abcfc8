"""Dashboard and rules speak only of metrics and labels that the code exports, and the rules do what they say."""

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from slmon.core.goals import Goals
from slmon.core.hours import Hours
from slmon.core.instant import SECOND
from slmon.core.scoreboard import Scoreboard
from slmon.core.site import Group
from slmon.metrics import Labels, Metrics

DASHBOARDS = Path(__file__).parent.parent / "dashboards"
DASHBOARD = json.loads((DASHBOARDS / "slmon.json").read_text(encoding="utf-8"))
RULES = [rule for group in yaml.safe_load((DASHBOARDS / "slmon.rules.yml").read_text(encoding="utf-8"))["groups"]
         for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SCRAPE_LABELS = {"job", "instance"}


def exported() -> dict[str, dict[str, set[str]]]:
    """Every metric that the code exports, with its labels and the values they have from the start."""
    hours, labels = Hours(), Labels(("pbx1",), ("Hovednummer",), ("dagpenge",), ("odense",))
    goals = Goals([], hours.day_of)
    board = Scoreboard(hours, goals, [Group("Odense", ("PJSIP/10X",))], labels.pbxes)
    page, _ = Metrics(board, hours, goals, labels, lambda: 1_795_424_400 * SECOND, "1.0").render()
    catalogue: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            known = catalogue.setdefault(sample.name, defaultdict(set))
            for label, value in sample.labels.items():
                known[label].add(value)
    return catalogue


CATALOGUE = exported()
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
BY_PROMETHEUS = {"up", "ALERTS"}


def queries() -> Iterator[tuple[str, str]]:
    """Where a query stands, and the query with Grafana's windows filled in."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for rule in RULES:
        yield rule.get("alert") or rule["record"], rule["expr"]


QUERIES = [pytest.param(re.sub(r"\$__(rate_interval|range)", "5m", query), id=f"{where} {number}")
           for number, (where, query) in enumerate(queries())]


def parts(node: Any) -> Iterator[Any]:
    """A parsed query's nodes, itself first."""
    yield node
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield from parts(child)
    for argument in getattr(node, "args", None) or ():
        yield from parts(argument)


def named_labels(node: Any) -> set[str]:
    """The labels of `by (…)`, `without (…)`, `on (…)` and `ignoring (…)`."""
    modifier = getattr(node, "modifier", None)
    matching = getattr(modifier, "matching", modifier)
    return set(getattr(matching, "labels", None) or ())


@pytest.mark.parametrize("query", QUERIES)
def test_every_metric_of_a_query_is_exported_with_these_labels_and_values(query: str):
    for node in parts(promql_parser.parse(query)):
        if not isinstance(node, promql_parser.VectorSelector) or node.name in RECORDED | BY_PROMETHEUS:
            continue
        assert node.name in CATALOGUE, f"{node.name} is no metric of slmon"
        for matcher in node.matchers.matchers:
            assert matcher.name in {*CATALOGUE[node.name], *SCRAPE_LABELS}, f"{node.name} has no label {matcher.name}"
            if matcher.op == promql_parser.MatchOp.Equal and matcher.name not in SCRAPE_LABELS:
                assert matcher.value in CATALOGUE[node.name][matcher.name]


@pytest.mark.parametrize("query", QUERIES)
def test_every_label_that_a_query_groups_by_is_one_of_its_metrics(query: str):
    nodes = list(parts(promql_parser.parse(query)))
    there = set(SCRAPE_LABELS)
    for node in nodes:
        there.update(CATALOGUE.get(getattr(node, "name", None) or "", ()))
    for node in nodes:
        assert named_labels(node) <= there


def test_legends_and_variables_name_labels_that_are_there():
    for panel in PANELS:
        for target in panel["targets"]:
            there = {label for name in re.findall(r"slmon_\w+", target["expr"]) for label in CATALOGUE[name]}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= there
    asked = [each["query"]["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    found = [re.fullmatch(r"label_values\((\w+), (\w+)\)", query) for query in asked]
    assert [match and match[2] in CATALOGUE[match[1]] for match in found] == [True, True, True]


@pytest.mark.parametrize("rule", [rule for rule in RULES if "alert" in rule], ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_how_bad(rule: dict[str, Any]):
    assert rule["labels"]["severity"] in {"page", "ticket", "info"}
    assert set(rule["annotations"]) == {"summary", "description"}


def test_goals_are_asked_for_and_never_written():
    text = " ".join(query.values[0] for query in QUERIES) + " ".join(rule["expr"] for rule in RULES)
    assert not re.search(r"(?<![\w.])(0\.8|0\.80|0\.15|0\.1|0\.10)(?![\w.])", text)
    assert not re.search(r"(longest_wait_seconds|bucket)\S* *(>=?|<=?) *\d", text)


def test_every_metric_of_the_house_is_on_the_dashboard_or_in_a_rule():
    text = " ".join(query.values[0] for query in QUERIES)
    own = {re.sub(r"_(bucket|sum|count)$", "", name) for name in CATALOGUE if name.startswith("slmon_")}
    assert {name for name in own if name not in text} == set()


def test_the_dashboard_can_be_provisioned_from_a_file():
    assert "__inputs" not in DASHBOARD
    assert (DASHBOARD["id"], len(DASHBOARD["uid"]) <= 40) == (None, True)
    sources = {json.dumps(panel["datasource"]) for panel in PANELS}
    assert sources == {'{"type": "prometheus", "uid": "${datasource}"}'}
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == ["datasource", "pbx", "line", "queue"]


def test_every_panel_explains_itself_and_none_lies_on_another():
    assert [panel["title"] for panel in PANELS if not panel["description"]] == []
    taken = [(panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y) for panel in DASHBOARD["panels"]
             for x in range(panel["gridPos"]["w"]) for y in range(panel["gridPos"]["h"])]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_committed_dashboard_is_the_one_that_is_built():
    build = "import build, sys; sys.stdout.buffer.write(build.text().encode())"
    built = subprocess.run([sys.executable, "-c", build], cwd=DASHBOARDS, capture_output=True, check=True, timeout=60)
    assert built.stdout.decode() == (DASHBOARDS / "slmon.json").read_text(encoding="utf-8")


PROMTOOL = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here: apt install prometheus")


@pytest.mark.promtool
@PROMTOOL
@pytest.mark.parametrize("command", [["check", "rules", "slmon.rules.yml"], ["test", "rules", "slmon.rules.test.yml"]],
                         ids=["check", "test"])
def test_promtool_is_content_with_the_rules(command: list[str]):
    done = subprocess.run(["promtool", *command], cwd=DASHBOARDS, capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test_in_which_it_fires():
    tests = yaml.safe_load((DASHBOARDS / "slmon.rules.test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {check["alertname"] for test in tests for check in test["alert_rule_test"] if check.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in RULES if "alert" in rule}


@pytest.mark.promtool
@PROMTOOL
def test_promtool_accepts_the_metrics_page():
    hours = Hours()
    goals = Goals([], hours.day_of)
    page, _ = Metrics(Scoreboard(hours, goals, pbxes=["pbx1"]), hours, goals, Labels(("pbx1",)),
                      lambda: 1_795_424_400 * SECOND, "1.0").render()
    own = b"".join(line for line in page.splitlines(keepends=True) if b"slmon_" in line)
    done = subprocess.run(["promtool", "check", "metrics"], input=own, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
