"""What one key cannot know of another: names given twice, views of unknown lines, an early hang-up past the target.

Works on the document as it was written, so that one mistake does not hide the next.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import chain
from typing import Any

from slmon.config.model import Goals
from slmon.config.problems import Problem, nearest, problem
from slmon.config.spans import given_twice

Document = Mapping[str, Any]


def cross_checks(document: Document) -> Iterator[Problem]:
    """Every mistake that takes two keys to see."""
    rules: tuple[Callable[[Document], Iterator[Problem]], ...] = (
        _hours, _dates, _goals, _names, _inbound, _contexts, _tables_of_logs, _views)
    return chain.from_iterable(rule(document) for rule in rules)


def tables(document: Document, section: str) -> list[tuple[int, dict[str, Any]]]:
    """The tables of `[[section]]` with their places; what is no table is left out."""
    content = document.get(section)
    if not isinstance(content, list):
        return []
    return [(index, table) for index, table in enumerate(content) if isinstance(table, dict)]


def table_of(document: Document, section: str) -> dict[str, Any] | None:
    content = document.get(section)
    return content if isinstance(content, dict) else None


def _hours(document: Document) -> Iterator[Problem]:
    first = table_of(document, "hours")
    if first is not None:
        yield from _one_hours(document, ("hours",), first)
        if not set(first) - {"holidays", "closed"}:
            yield problem(document, ("hours",), 'names no day, so it would never be open; add mon-fri = "09:00-15:00", '
                                                "or leave [hours] out to be always open")
    for index, table in tables(document, "hours_from"):
        yield from _one_hours(document, ("hours_from", index), table)


def _one_hours(document: Document, loc: tuple[int | str, ...], table: dict[str, Any]) -> Iterator[Problem]:
    for key, day in given_twice(key for key in table if key not in ("holidays", "closed", "open", "date")):
        yield problem(document, (*loc, key), f"gives {day} a second time")
    opened, closed = table.get("open"), table.get("closed")
    if isinstance(opened, dict) and isinstance(closed, list):
        for day in sorted({str(each) for each in closed}.intersection(opened)):
            yield problem(document, (*loc, "open", day), "is among the closed days too; take it out of one of them")


def _dates(document: Document) -> Iterator[Problem]:
    for section in ("hours_from", "goals_from"):
        yield from _twice(document, section, "date", lambda value: str(value) if value is not None else None)


def _tables_of_logs(document: Document) -> Iterator[Problem]:
    """A log is read from one place, and a table from a database that is named."""
    for index, pbx in tables(document, "pbx"):
        named = [f"{kind}_table" for kind in ("cel", "queue_log", "cdr") if f"{kind}_table" in pbx]
        for each in named:
            file = each.replace("_table", "_file")
            if file in pbx:
                yield problem(document, ("pbx", index, each), f"is given, and {file} too; keep one of them", pbx[each])
        if named and "database_file" not in pbx:
            yield problem(document, ("pbx", index, named[0]), "is in no database; set database_file", pbx[named[0]])
        if not named and "database_file" in pbx:
            yield problem(document, ("pbx", index, "database_file"),
                          "is given, and no table of it; set cel_table, queue_log_table or cdr_table",
                          pbx["database_file"])


def _goals(document: Document) -> Iterator[Problem]:
    standing = {key: field.default for key, field in Goals.model_fields.items()}
    standing.update(_numbers(table_of(document, "goals") or {}))
    yield from _one_goal(document, ("goals",), standing)
    dated = [(index, table) for index, table in tables(document, "goals_from") if _is_date(table.get("date"))]
    for index, table in sorted(dated, key=lambda each: str(each[1]["date"])):
        before = dict(standing)
        standing.update(_numbers(table))
        if any(standing[key] != before[key] for key in standing):
            yield from _one_goal(document, ("goals_from", index), standing)


def _is_date(value: object) -> bool:
    return isinstance(value, str | date)


def _numbers(table: dict[str, Any]) -> dict[str, float]:
    return {key: value for key, value in table.items()
            if key in Goals.model_fields and isinstance(value, int | float) and not isinstance(value, bool)}


def _one_goal(document: Document, loc: tuple[int | str, ...], goal: dict[str, float]) -> Iterator[Problem]:
    short, target = goal["short_abandon_seconds"], goal["answer_seconds"]
    if short > 0 and target > 0 and short >= target:
        yield problem(document, (*loc, "short_abandon_seconds"),
                      f"must be below answer_seconds ({target:g}), or late hang-ups would not count", short)
    good, ceiling = goal["transfer_good"], goal["transfer_ceiling"]
    if 0 <= ceiling < good <= 1:
        yield problem(document, (*loc, "transfer_good"), f"must be at most transfer_ceiling ({ceiling:g})", good)


def _names(document: Document) -> Iterator[Problem]:
    for section in ("pbx", "line", "group", "view", "user", "kiosk"):
        yield from _twice(document, section, "name", lambda value: value if isinstance(value, str) else None)
    yield from _twice(document, "line", "number", lambda value: value.lstrip("+") if isinstance(value, str) else None)


def _twice(document: Document, section: str, key: str, of: Callable[[Any], str | None]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, table in tables(document, section):
        value = of(table.get(key))
        if value is not None and value in seen:
            yield problem(document, (section, index, key), f"is given to two [[{section}]]", table[key])
        elif value is not None:
            seen.add(value)


def _inbound(document: Document) -> Iterator[Problem]:
    for index, table in tables(document, "pbx"):
        inbound = table.get("inbound")
        if isinstance(inbound, dict) and not inbound.get("contexts") and not inbound.get("trunks"):
            yield problem(document, ("pbx", index, "inbound"),
                          "must have contexts or trunks, or no call would ever come in")


def _contexts(document: Document) -> Iterator[Problem]:
    for index, table in tables(document, "pbx"):
        contexts = table.get("contexts")
        meant: dict[str, str] = {}
        for meaning, names in contexts.items() if isinstance(contexts, dict) else ():
            for name in names if isinstance(names, list) else ():
                if isinstance(name, str) and meant.setdefault(name, meaning) != meaning:
                    yield problem(document, ("pbx", index, "contexts", meaning),
                                  f"must not have a context that is in {meant[name]} too", name)


def _views(document: Document) -> Iterator[Problem]:
    lines = {str(table.get("name")) for _, table in tables(document, "line")}
    groups = {str(table.get("name")) for _, table in tables(document, "group")}
    for index, table in tables(document, "view"):
        if lines:                                   # without any, every dialled number is a line
            yield from listed(document, ("view", index, "lines"), table.get("lines"), lines, "line")
        yield from listed(document, ("view", index, "groups"), table.get("groups"), groups, "group")


def listed(document: Document, loc: tuple[int | str, ...], names: object, known: set[str],
           section: str) -> Iterator[Problem]:
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and name not in known:
            meant = nearest(name, known)
            hint = f"; did you mean {meant}?" if meant else ""
            yield problem(document, loc, f"must name a [[{section}]] by its name{hint}", name)
