"""How backfill and merge ask the slmon that runs on the same store: a folder beside the database, a file a question.

Who may write there may write to the database too. A question is taken by renaming it, so it is answered once.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from slmon.backfill.sources import Sources
from slmon.backfill.tables import Tables

ANSWER_SECONDS = 10.0          # so long at most whoever asks waits until a slmon that runs begins with it
_KINDS = ("cel", "queue_log", "cdr")


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be mended with which files; or with another `database`, for every PBX."""

    pbx: str
    sources: Sources
    dry_run: bool = False
    database: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it; `error`: why nothing did. `removed`: what was no call; `left_alone`: what is heard yet."""

    corrected: int = 0
    added: int = 0
    lost: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    error: str | None = None
    removed: int = 0
    left_alone: int = 0


class Spool:
    """The folder of one store."""

    def __init__(self, store: Path) -> None:
        self._folder = store.with_name(f"{store.name}.backfill")

    def prepare(self) -> None:
        """Make the folder, and throw away what nobody waits for any more; what was asked just now is answered."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for old in self._folder.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):         # whoever asked has taken it away
                is_waited_for = time.time() - old.stat().st_mtime < ANSWER_SECONDS
                if not (is_waited_for and old.name.startswith("question-")):
                    old.unlink()

    # -- who asks

    def ask(self, question: Question) -> str:
        """Leave a question; its name. Raises OSError."""
        name = f"{os.getpid()}-{time.time_ns()}"             # in a container every process may be the first
        files = {kind: [str(path.absolute()) for path in getattr(question.sources, kind)] for kind in _KINDS}
        tables = question.sources.tables
        place = None if tables.database_file is None else str(tables.database_file.absolute())
        database = None if question.database is None else str(question.database.absolute())
        self._put(f"question-{name}.json", {"pbx": question.pbx, "dry_run": question.dry_run, **files, "tables": {
            "database_file": place, **{kind: getattr(tables, kind) for kind in _KINDS}},
            "database": database})
        return name

    def is_taken(self, name: str) -> bool:
        """Whether somebody has begun with the question, and may have thrown it away since."""
        return not (self._folder / f"question-{name}.json").exists()

    def is_dropped(self, name: str) -> bool:
        """Whether nobody works on the question any more: one who began with it has ended."""
        return not any((self._folder / f"{kind}-{name}.json").exists() for kind in ("question", "taken", "answer"))

    def answer(self, name: str) -> Answer | None:
        """The answer, once; None while there is none."""
        path = self._folder / f"answer-{name}.json"
        if not path.exists():
            return None
        words = json.loads(path.read_text(encoding="utf-8"))
        self.forget(name)
        return Answer(**words)

    def forget(self, name: str) -> None:
        """Nobody waits for it any more."""
        for kind in ("question", "taken", "answer"):
            (self._folder / f"{kind}-{name}.json").unlink(missing_ok=True)

    # -- who answers

    def questions(self) -> Iterator[tuple[str, Question | None]]:
        """Take every question that waits; None: it cannot be understood."""
        for path in sorted(self._folder.glob("question-*.json")):
            taken = path.with_name(path.name.replace("question", "taken"))
            try:
                path.rename(taken)
            except FileNotFoundError:                    # whoever asked waits no more
                continue
            yield path.stem.removeprefix("question-"), _question(taken)

    def reply(self, name: str, answer: Answer) -> None:
        """Give the answer, if somebody waits for it yet."""
        if (self._folder / f"taken-{name}.json").exists():
            self._put(f"answer-{name}.json", asdict(answer))

    def _put(self, name: str, words: dict[str, object]) -> None:
        beside = self._folder / f".{name}"
        beside.write_text(json.dumps(words), encoding="utf-8")
        beside.replace(self._folder / name)


def _question(path: Path) -> Question | None:
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
        cel, queue_log, cdr = (tuple(Path(each) for each in words[kind]) for kind in _KINDS)
        place, names = words["tables"]["database_file"], (words["tables"][kind] for kind in _KINDS)
        tables = Tables(None if place is None else Path(place), *names)
        database = words.get("database")
        return Question(str(words["pbx"]), Sources(cel, queue_log, cdr, tables), bool(words["dry_run"]),
                        None if database is None else Path(database))
    except (OSError, ValueError, KeyError, TypeError):
        return None
