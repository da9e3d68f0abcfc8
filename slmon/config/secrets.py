"""Find the secrets that a command needs: each PBX's, and the key for callers. They appear in no message."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretBytes, SecretStr

from slmon.config.checks import Document, tables
from slmon.config.problems import Loc, Problem, file_trouble, problem, shown
from slmon.privacy import SHORTEST_KEY

EXAMPLES = ("not-a-real-secret", "change-me")     # of config/slmon.toml and config/manager.conf, in any case
SHORTEST_ACCESS_KEY = 32                          # whoever guesses it is whoever he likes
FEWEST_SIGNS = 10                                 # that differ: "aaaa..." is no key


@dataclass(slots=True)
class Found:
    """What was looked for: values, mistakes, and what had better be otherwise."""

    secrets: dict[str, SecretStr] = field(default_factory=dict)      # by the PBX's name
    caller_key: SecretBytes | None = None
    access_key: SecretBytes | None = None
    scrape_token: SecretBytes | None = None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def variable(pbx: str) -> str:
    """The environment's name for a PBX's secret: `pbx-1` has SLMON_PBX_PBX_1_SECRET."""
    return f"SLMON_PBX_{re.sub(r'[^A-Za-z0-9]', '_', pbx).upper()}_SECRET"


def pbx_secrets(document: Document, folder: Path, environment: Mapping[str, str], found: Found) -> None:
    """Look for exactly one secret for every PBX of the document; files are taken from `folder`."""
    for index, table in tables(document, "pbx"):
        name = table.get("name")
        if not isinstance(name, str):
            continue                                # said already, and nobody knows its variable
        loc: Loc = ("pbx", index)
        sources: list[str] = [key for key in ("secret", "secret_file") if key in table]
        sources += [variable(name)] if variable(name) in environment else []
        if not sources:
            found.problems.append(problem(
                document, loc, f"has no secret; give one of secret_file, secret or {variable(name)}"))
        elif len(sources) > 1:
            found.problems.append(problem(document, loc, f"has {' and '.join(sources)}; keep exactly one"))
        else:
            given = environment[variable(name)] if sources[0] == variable(name) else table[sources[0]]
            if isinstance(given, str) and (sources[0] != "secret_file" or path_ok(given)):
                _take(document, loc, name, sources[0], given, folder, found)


def _take(document: Document, loc: Loc, pbx: str, source: str, given: str, folder: Path, found: Found) -> None:
    secret = given
    if source == "secret_file":
        content = _read(document, (*loc, source), located(folder, Path(given)), found)
        if content is None:
            return
        secret = content.decode("utf-8", "replace").rstrip("\r\n")
    where: Loc = (*loc, source)
    if is_example(secret):
        found.problems.append(problem(
            document, where, "is the example's, which everybody knows; "
                             "make one with: head -c 24 /dev/urandom | base64"))
    elif not secret:
        found.problems.append(problem(document, where, "holds an empty secret"))
    elif not secret.isprintable():
        # A line break in it would be a second header of the login.
        found.problems.append(problem(document, where, "holds control characters; a secret is one line of text"))
    else:
        found.secrets[pbx] = SecretStr(secret)


def caller_key(document: Document, folder: Path, found: Found) -> None:
    """Read the key for callers, if there is one."""
    found.caller_key = _key(document, ("privacy", "key_file"), folder, SHORTEST_KEY, found)


def access_secrets(document: Document, folder: Path, found: Found) -> None:
    """Read the key that signs sessions and kiosk addresses, and the token of Prometheus, if there are any."""
    found.access_key = _key(document, ("access", "key_file"), folder, SHORTEST_ACCESS_KEY, found)
    found.scrape_token = _key(document, ("access", "scrape_token_file"), folder, SHORTEST_KEY, found)


def is_example(secret: str) -> bool:
    """Whether everybody can read this secret in the examples."""
    return secret.strip().lower() in EXAMPLES


def _key(document: Document, loc: tuple[str, str], folder: Path, shortest: int, found: Found) -> SecretBytes | None:
    section, name = loc
    table = document.get(section)
    given = table.get(name) if isinstance(table, dict) else None
    if not path_ok(given):
        return None
    path = located(folder, Path(str(given)))
    content = _read(document, loc, path, found)
    if content is None:
        return None
    key = content.strip(b"\r\n")
    wrong = (f"must hold {shortest} bytes or more, has {len(key)}" if len(key) < shortest else
             "holds a key that can be guessed" if len(set(key)) < FEWEST_SIGNS else None)
    if wrong is not None:
        found.problems.append(problem(
            document, loc, f"{wrong}; make one with: head -c 32 /dev/urandom | base64 > {path.name}"))
        return None
    return SecretBytes(key)


def database_files(document: Document, folder: Path, found: Found) -> None:
    """See that the files that hold a database's address are there, and read by nobody else."""
    for index, table in tables(document, "pbx"):
        if path_ok(table.get("database_file")):
            _read(document, ("pbx", index, "database_file"), located(folder, Path(table["database_file"])), found)


def path_ok(given: object) -> bool:
    """Whether a value of the document can be a file's path."""
    return isinstance(given, str) and bool(given.strip()) and "\0" not in given


def located(folder: Path, path: Path) -> Path:
    """A path of the configuration, taken from the configuration's own folder."""
    return folder / path


def _read(document: Document, loc: Loc, path: Path, found: Found) -> bytes | None:
    try:
        content = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        cure = "; make it, then chmod 600" if isinstance(error, FileNotFoundError) else ""
        found.problems.append(problem(document, loc, f"{file_trouble(error)}: {shown(path)}{cure}"))
        return None
    # Others may do nothing; a group may read, for root:slmon 0640 is a usual and good arrangement.
    if os.name == "posix" and mode & (stat.S_IRWXO | stat.S_IWGRP):
        found.warnings.append(problem(document, loc, f"can be read or changed by others; chmod 600 {path}"))
    return content
