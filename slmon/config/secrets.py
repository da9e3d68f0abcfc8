"""Find the secrets that a command needs: each PBX's, and the key for callers. They appear in no message."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretBytes, SecretStr

from slmon.config.checks import Document, tables
from slmon.config.problems import Loc, Problem, file_trouble, problem
from slmon.privacy import SHORTEST_KEY


@dataclass(slots=True)
class Found:
    """What was looked for: values, mistakes, and what had better be otherwise."""

    secrets: dict[str, SecretStr] = field(default_factory=dict)      # by the PBX's name
    caller_key: SecretBytes | None = None
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
    if not secret:
        found.problems.append(problem(document, where, "holds an empty secret"))
    elif not secret.isprintable():
        # A line break in it would be a second header of the login.
        found.problems.append(problem(document, where, "holds control characters; a secret is one line of text"))
    else:
        found.secrets[pbx] = SecretStr(secret)


def caller_key(document: Document, folder: Path, found: Found) -> None:
    """Read the key for callers, if there is one."""
    privacy = document.get("privacy")
    given = privacy.get("key_file") if isinstance(privacy, dict) else None
    if not path_ok(given):
        return
    loc, path = ("privacy", "key_file"), located(folder, Path(str(given)))
    content = _read(document, loc, path, found)
    if content is None:
        return
    key = content.rstrip(b"\r\n")
    if len(key) < SHORTEST_KEY:
        found.problems.append(problem(
            document, loc, f"must hold {SHORTEST_KEY} bytes or more, has {len(key)}; "
                           f"make one with: head -c 32 /dev/urandom | base64 > {path.name}"))
        return
    found.caller_key = SecretBytes(key)


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
        found.problems.append(problem(document, loc, file_trouble(error), path))
        return None
    # Others may do nothing; a group may read, for root:slmon 0640 is a usual and good arrangement.
    if os.name == "posix" and mode & (stat.S_IRWXO | stat.S_IWGRP):
        found.warnings.append(problem(document, loc, f"can be read or changed by others; chmod 600 {path}"))
    return content
