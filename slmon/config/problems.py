"""Say what is wrong with a configuration: the place, the value and the cure. Knows no rule of what is right."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from slmon.config.spans import DAYS

Loc = tuple[int | str, ...]
"""Where in the document: `("pbx", 0, "inbound", "contexts", 1)`."""

_SECRETS = {"secret", "password"}
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `value` is as a person would write it; None where it is absent, long or secret."""

    place: str
    value: str | None
    cure: str

    def __str__(self) -> str:
        wrong, semicolon, cure = self.cure.partition("; ")
        said = wrong if self.value is None else f"{wrong}, is {self.value}"
        return (f"{self.place}: " if self.place else "") + said + semicolon + cure


class ConfigError(Exception):
    """The configuration cannot be used. One line per mistake, all of them."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """Such as `slmon.toml: [goals] answer_seconds: must be above 0, is -20`."""
        return [f"{self.file}: {problem}" for problem in self.problems]


def problem(document: Mapping[str, object], loc: Loc, cure: str, value: object = None) -> Problem:
    """A mistake at a place of the document; a secret's value is left out, and so is a table's or a list's."""
    secret = any(part in _SECRETS for part in loc)
    return Problem(place(document, loc), None if secret else shown(value), cure)


def shown(value: object) -> str | None:
    """A single value as TOML has it, shortened; None for tables, lists and nothing."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            short = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
            return _quoted(short)
        case Path():
            return _quoted(str(value))
        case int() | float():
            return str(value)
        case date() | time():
            return value.isoformat()
        case _:
            return None


def place(document: Mapping[str, object], loc: Loc) -> str:
    """A place in words: `[goals] answer_seconds`, `[[pbx]] pbx1 inbound.contexts`, `[[view]] number 2 name`."""
    if not loc:
        return ""
    content, section = document.get(str(loc[0])), _key(str(loc[0]))
    if isinstance(content, list):
        words, rest = [f"[[{section}]]"], loc[1:]
        if rest and isinstance(rest[0], int):
            words.append(_title(content, rest[0]))
            rest = rest[1:]
    else:
        words, rest = [f"[{section}]"], loc[1:]
    keys = ".".join(_key(part) for part in rest if isinstance(part, str))
    return " ".join([*words, keys]) if keys else " ".join(words)


def _key(text: str) -> str:
    """A key as TOML has it, whatever somebody may have put into it."""
    if re.fullmatch(r"[\w-]+", text) and len(text) <= _SHOWN:
        return text
    return _quoted(text[:_SHOWN])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())      # nothing that a terminal would obey


def _title(tables: list[object], index: int) -> str:
    table = tables[index]
    name = (table.get("name") or table.get("date")) if isinstance(table, dict) else None
    if isinstance(name, str) and 0 < len(name) <= _SHOWN and name.isprintable():
        return name
    return name.isoformat() if isinstance(name, date) else f"number {index + 1}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was likely meant."""
    by_lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def unknown(word: str, known: Iterable[str], what: str) -> str:
    """The cure for a word that is not among the known ones."""
    choices = sorted(known)
    meant = nearest(word, choices)
    if meant:
        return f"{what}; did you mean {meant}?"
    return f"{what}; there is {', '.join(choices)}" if 0 < len(choices) <= 20 else what


def of_pydantic(root: type[BaseModel], document: Mapping[str, object], errors: Iterable[ErrorDetails]) -> list[Problem]:
    """The mistakes that pydantic found, in our words."""
    found = list(errors)
    bad_keys = {error["loc"][:-1] for error in found if error["loc"][-1] == "[key]"}
    return [_one(root, document, error) for error in found
            if error["loc"] not in bad_keys                            # of a wrong key, not its value as well
            and error["type"] != "default_factory_not_called"
            and not (error["type"] == "too_short" and error["input"])]   # short only because its items are wrong


def _one(root: type[BaseModel], document: Mapping[str, object], error: ErrorDetails) -> Problem:
    loc = tuple(part for part in error["loc"] if part not in ("days", "[key]"))
    kind, given = error["type"], error["input"]
    if error["loc"][-1] == "[key]":
        cure = _cure(kind, error, loc)
        meant = nearest(str(loc[-1]), [*_keys(root, loc[:-1]), *DAYS, "mon-fri", "sat-sun"])
        return problem(document, loc, f"{cure}; did you mean {meant}?" if meant and ";" not in cure else cure)
    if kind == "extra_forbidden":
        return problem(document, loc, _unknown_key(root, loc))
    if kind == "missing":
        return problem(document, loc, f"is missing; it is {_description(root, loc)}")
    return problem(document, loc, _cure(kind, error, loc), given)


def _cure(kind: str, error: ErrorDetails, loc: Loc) -> str:
    context = error.get("ctx", {})
    given = error["input"]
    if kind == "value_error":
        return str(context["error"])
    if kind == "too_short":
        return "must not be empty"
    if kind in _LIMITS:
        word, key = _LIMITS[kind]
        return f"{word} {context[key]:g}"
    if kind in ("model_type", "dict_type") and isinstance(given, list) and len(loc) == 1:
        return f"is written [{loc[0]}], with one pair of brackets"
    if kind in ("tuple_type", "list_type") and isinstance(given, dict) and len(loc) == 1:
        return f"is written [[{loc[0]}]], with two pairs of brackets"
    if kind in ("enum", "literal_error"):
        choices = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        meant = nearest(given, choices.split(", ")) if isinstance(given, str) else None
        return f"must be one of {choices}" + (f"; did you mean {meant}?" if meant else "")
    if kind.startswith("date"):
        return "must be a day such as 2027-01-01"
    return next((words for start, words in _KINDS.items() if kind.startswith(start)), error["msg"])


_LIMITS = {
    "greater_than": ("must be above", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be below", "lt"),
    "less_than_equal": ("must be at most", "le"),
}
_KINDS = {
    "int": "must be a whole number",
    "float": "must be a number",
    "finite_number": "must be a finite number",
    "bool": "must be true or false",
    "string": "must be text in quotes",
    "path": "must be a file's path in quotes",
    "tuple": "must be a list in [ ]",
    "list": "must be a list in [ ]",
    "dict": "must be a table",
    "model": "must be a table",
}


def _unknown_key(root: type[BaseModel], loc: Loc) -> str:
    key = str(loc[-1])
    known = _keys(root, loc[:-1])
    elsewhere = [name for name, field in root.model_fields.items() if key in _keys(root, (name,))]
    if len(loc) > 1 and elsewhere and not nearest(key, known):
        return f"unknown key here; it is one of [{elsewhere[0]}]"
    return unknown(key, known, "unknown key" if len(loc) > 1 else "unknown section")


def _keys(root: type[BaseModel], loc: Loc) -> list[str]:
    model = _model_at(root, loc)
    return [] if model is None else [key for key in model.model_fields if key != "days"]


def _model_at(root: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    model: type[BaseModel] | None = root
    for part in loc:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part) if model else None
        model = _model_in(field.annotation) if field else None
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for each in get_args(annotation) if (model := _model_in(each))), None)


def _description(root: type[BaseModel], loc: Loc) -> str:
    model = _model_at(root, loc[:-1])
    field = model.model_fields.get(str(loc[-1])) if model else None
    return (field.description if field else None) or "needed"


def syntax(error: str) -> Problem:
    """What the TOML reader stumbled over: `Invalid value (at line 3, column 5)`."""
    what, _, where = error.rpartition(" (at ")
    said = what or error
    position = where.rstrip(")") if what else ""
    return Problem(position, None, f"is no TOML: {said[:1].lower()}{said[1:]}{_hint(said)}")


def _hint(said: str) -> str:
    if said.startswith("Invalid value"):
        return "; text stands in quotes, numbers have a decimal point, lists stand in [ ]"
    if said.startswith(("Cannot overwrite", "Cannot declare")):
        return "; the key or section stands there twice"
    if said.startswith("Expected '='"):
        return "; a key with spaces or foreign letters stands in quotes"
    return ""


def file_trouble(error: OSError) -> str:
    """Why a file cannot be read, in words."""
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case PermissionError():
            return "may not be read by this user"
        case IsADirectoryError():
            return "is a folder"
        case _:
            return f"cannot be read ({error.strerror or type(error).__name__})"


def short_name(path: Path) -> str:
    """The file's name for messages."""
    return path.name or str(path)
