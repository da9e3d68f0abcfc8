"""Have the slmon that runs do what a command is for: it has the store, and its boards are right at once."""

import time
from pathlib import Path

from slmon.backfill.sources import SourceError
from slmon.backfill.spool import Answer, Question, Spool
from slmon.config import Config
from slmon.store.calls import is_locked
from slmon.store.schema import StoreError

ANSWER_SECONDS = 10.0          # so long at most until a slmon that runs begins with it
LOOK_EVERY_SECONDS = 0.2


def ask_the_other(config: Config, question: Question) -> Answer:
    """What the slmon that has the store says. Raises SourceError, StoreError."""
    spool = Spool(config.store.path)
    try:
        name = spool.ask(question)
    except OSError as error:
        raise StoreError(f"{error.filename}: {(error.strerror or str(error)).lower()}; the slmon that runs cannot be "
                         "asked: do this as its user") from None
    try:
        return _waited_for(spool, name, config.store.path)
    finally:
        spool.forget(name)


def _waited_for(spool: Spool, name: str, store: Path) -> Answer:
    asked_at = time.monotonic()
    while (answer := spool.answer(name)) is None:
        if spool.is_taken(name):
            if not is_locked(store):
                raise StoreError(f"{store}: the slmon that was asked has stopped; do this again")
        elif time.monotonic() - asked_at > ANSWER_SECONDS:
            raise StoreError(f"{store}: the slmon that runs does not answer; stop it, do this again, and start it")
        time.sleep(LOOK_EVERY_SECONDS)
    if answer.error is not None:
        raise SourceError(answer.error)
    return answer
