"""Turn slmon.toml and the environment into one frozen Config, or name every mistake in it at once.

Knows files and words; knows no PBX and no page. What it hands on are the core's own types.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from enum import Flag, auto
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from slmon.config.access import access_checks, example_passwords, exposed, in_the_clear
from slmon.config.checks import cross_checks
from slmon.config.model import Config, Hours, Pbx
from slmon.config.problems import ConfigError, Problem, file_trouble, of_pydantic, problem, short_name, syntax
from slmon.config.secrets import Found, access_secrets, caller_key, database_files, located, pbx_secrets
from slmon.config.web import Listen

__all__ = ["Config", "ConfigError", "Hours", "Listen", "Need", "Pbx", "Problem", "load"]


class Need(Flag):
    """What a command needs beyond the words of the configuration."""

    NOTHING = 0                # replay, export, report
    SECRETS = auto()           # record: it logs in to a PBX
    KEY = auto()               # backfill: it replaces callers' numbers, and may read a database
    WEB = auto()
    ALL = SECRETS | KEY | WEB  # run, check


def load(path: Path, environment: Mapping[str, str] | None = None, need: Need = Need.NOTHING) -> Config:
    """The configuration in the file at `path`. Paths in it are taken from the file's own folder.

    Raises ConfigError with every mistake in it, one line each. `environment` (the process' own when None) may hold
    secrets as SLMON_PBX_<NAME>_SECRET; they are looked for only when needed.
    """
    document = _document(path)
    folder = path.absolute().parent
    config, problems = _validated(document)
    problems += [*cross_checks(document), *access_checks(document)]
    found = Found()
    if Need.SECRETS in need:
        pbx_secrets(document, folder, os.environ if environment is None else environment, found)
    if Need.KEY in need:
        caller_key(document, folder, found)
        database_files(document, folder, found)
    if Need.WEB in need:
        access_secrets(document, folder, found)
        found.problems += [*exposed(document), *example_passwords(document)]
        found.warnings += in_the_clear(document)
    problems += found.problems
    if config is None or problems:
        raise ConfigError(short_name(path), _in_order(document, problems))
    return _complete(config, folder, found)


def _document(path: Path) -> dict[str, Any]:
    name = short_name(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")       # editors on Windows like to put a mark in front
        return tomllib.loads(text)
    except OSError as error:
        raise ConfigError(str(path), [Problem("", None, file_trouble(error))]) from None
    except UnicodeDecodeError as error:
        line = error.object[:error.start].count(b"\n") + 1
        raise ConfigError(name, [Problem(f"line {line}", None, "is not UTF-8; save the file as UTF-8")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(name, [syntax(str(error))]) from None
    except RecursionError:
        raise ConfigError(name, [Problem("", None, "is nested too deeply")]) from None


def _validated(document: dict[str, Any]) -> tuple[Config | None, list[Problem]]:
    try:
        return Config.model_validate(document), []
    except ValidationError as error:
        return None, of_pydantic(Config, document, error.errors(include_url=False))


def _in_order(document: Mapping[str, object], problems: list[Problem]) -> list[Problem]:
    """As the file has its sections; what is missing from it comes last."""
    sections = {section: index for index, section in enumerate(document)}

    def rank(each: Problem) -> int:
        return sections.get(each.place.partition("]")[0].lstrip("["), len(sections))
    return sorted(dict.fromkeys(problems), key=rank)


def _complete(config: Config, folder: Path, found: Found) -> Config:
    def place(path: Path | None) -> Path | None:
        return None if path is None else located(folder, path)

    complete = config.model_copy(update={
        "store": config.store.model_copy(update={"path": place(config.store.path)}),
        "privacy": config.privacy.model_copy(update={"key_file": place(config.privacy.key_file)}),
        "access": None if config.access is None else config.access.model_copy(update={
            key: place(getattr(config.access, key)) for key in ("key_file", "scrape_token_file")}),
        "pbx": tuple(pbx.model_copy(update={
            "secret": found.secrets.get(pbx.name, pbx.secret),
            **{key: place(getattr(pbx, key)) for key in ("ca_file", "secret_file", "cel_file", "queue_log_file",
                                                         "cdr_file", "database_file")}})
                     for pbx in config.pbx)})
    complete._warnings = (*_doubts(config), *found.warnings)
    complete._caller_key = found.caller_key
    complete._access_key = found.access_key
    complete._scrape_token = found.scrape_token
    return complete


def _doubts(config: Config) -> Iterator[Problem]:
    """What is allowed and most likely a slip."""
    named = {"pbx": [{"name": pbx.name} for pbx in config.pbx], "group": [{"name": each.name} for each in config.group]}
    endpoints = [(("pbx", index, key), endpoint) for index, pbx in enumerate(config.pbx)
                 for key, patterns in (("inbound.trunks", pbx.inbound.trunks), ("machines", pbx.machines))
                 for endpoint in patterns]
    endpoints += [(("group", index, "desks"), desk) for index, group in enumerate(config.group)
                  for desk in group.desks]
    for loc, endpoint in endpoints:
        if "/" not in endpoint and endpoint != ".":
            yield problem(named, loc, f"is most likely PJSIP/{endpoint}, for endpoints have their technology in front",
                          endpoint)
