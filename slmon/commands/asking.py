"""Have the slmon that runs do what a command is for: it has the store, and its boards are right at once."""

import time
from pathlib import Path

from slmon.backfill.sources import SourceError
from slmon.backfill.spool import ANSWER_SECONDS, Answer, Question, Spool
from slmon.config import Config
from slmon.store.calls import is_locked
from slmon.store.schema import StoreError

LOOK_EVERY_SECONDS = 0.2


def ask_the_other(config: Config, question: Question) -> Answer:
    """What the slmon that has the store says. Raises SourceError, StoreError."""
    spool = Spool(config.store.path)
    asked_at = time.monotonic()
    try:
        name = _asked(spool, question, asked_at)
    except OSError as error:
        raise StoreError(f"{error.filename}: {(error.strerror or str(error)).lower()}; the slmon that runs cannot be "
                         "asked: do this as its user") from None
    try:
        return _waited_for(spool, name, config.store.path, asked_at)
    finally:
        spool.forget(name)


def _asked(spool: Spool, question: Question, asked_at: float) -> str:
    while True:
        try:
            return spool.ask(question)
        except FileNotFoundError:                        # it is about to start
            if time.monotonic() - asked_at > ANSWER_SECONDS:
                raise
            time.sleep(LOOK_EVERY_SECONDS)


def _waited_for(spool: Spool, name: str, store: Path, asked_at: float) -> Answer:
    while (answer := spool.answer(name)) is None:
        if spool.is_taken(name):
            if not is_locked(store) or spool.is_dropped(name):
                raise StoreError(f"{store}: the slmon that was asked has stopped; do this again")
        elif time.monotonic() - asked_at > ANSWER_SECONDS:
            raise StoreError(f"{store}: the slmon that runs does not answer; stop it, do this again, and start it")
        time.sleep(LOOK_EVERY_SECONDS)
    if answer.error is not None:
        raise SourceError(answer.error)
    return answer
