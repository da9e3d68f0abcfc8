"""The recordings, and what the SIP side saw of them: read, replayed, compared. No test is in here."""

import json
import lzma
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from slmon.config import Config, load
from slmon.core.facts import CallRecord, Fact, Outcome
from slmon.core.instant import SECOND, Instant, from_datetime
from slmon.core.switchboard import Switchboard
from slmon.replay import CHUNK, Replay, replay

FOLDER = Path(__file__).with_name("recordings")
NEAR = 0.1                 # seconds that an answer time may be off
SAME_CALL = 1.6            # seconds that a ring-in told by the PBX after a cut may be off


@dataclass(frozen=True, slots=True)
class Truth:
    """What the SIP side saw of one call. `answer`: earliest and latest answer time in seconds; None: not answered."""

    kind: str
    caller: str
    dialled: str
    arrived_at: Instant
    answer: tuple[float, float] | None
    outcomes: frozenset[str]
    transfers: frozenset[str]
    ended_at: Instant | None
    touched: bool              # a fault of the recording went through this call
    never_in: bool             # it did not get as far as the PBX


@dataclass(frozen=True, slots=True)
class Recording:
    """One run of a real PBX, told in one or more connections."""

    name: str
    config: Config
    captures: tuple[bytes, ...]
    truth: tuple[Truth, ...]

    def board(self) -> Switchboard:
        """A switchboard that knows this recording's house."""
        hours = self.config.phone_hours()
        return Switchboard("pbx1", self.config.doors(self.config.pbx[0]), self.config.phone_goals(hours).goal_at,
                           hours.is_open)


NAMES = sorted(each.parent.name for each in FOLDER.glob("*/facts.jsonl"))


@cache
def recording(name: str) -> Recording:
    """The recording of that name."""
    folder = FOLDER / name
    captures = tuple(lzma.decompress(path.read_bytes()) for path in capture_files(name))
    lines = (folder / "facts.jsonl").read_text(encoding="utf-8").splitlines()
    return Recording(name, load(folder / "slmon.toml", {}), captures, tuple(_truth(json.loads(line)) for line in lines))


def capture_files(name: str) -> list[Path]:
    """Its captures in order: `events`, then `events-2`."""
    return sorted((FOLDER / name).glob("*.ami.xz"), key=lambda path: (len(path.name), path.name))


def _truth(line: dict[str, object]) -> Truth:
    between = line.get("answer_between")
    return Truth(
        kind=str(line["kind"]), caller=str(line["caller"]), dialled=str(line["dialled"]),
        arrived_at=_instant(line["arrived_at"]),
        ended_at=_instant(line["ended_at"]) if "ended_at" in line else None,
        answer=(between[0], between[1]) if isinstance(between, list) else None,
        outcomes=frozenset(line["outcomes"]), transfers=frozenset(line.get("transfers", ())),  # type: ignore[call-overload]
        touched=bool(line.get("touched")), never_in=bool(line.get("never_in")))


def _instant(text: object) -> Instant:
    return from_datetime(datetime.fromisoformat(str(text)))


def replayed(of: Recording, into: Path, captures: Iterable[bytes] | None = None, chunk: int = CHUNK,
             say: Callable[[Fact], None] = lambda fact: None) -> Replay:
    """Replay the recording, or other bytes in the same house, through files in the folder `into`."""
    paths = []
    for number, data in enumerate(of.captures if captures is None else captures):
        paths.append(into / f"{of.name}-{number}.ami")
        paths[-1].write_bytes(data)
    return replay(paths, of.board(), say, chunk=chunk)


def told(found: Replay) -> list[CallRecord]:
    """What other tools are told of the calls: all but the journey."""
    return [replace(record, steps=()) for record in found.calls]


def differences(truth: Iterable[Truth], records: list[CallRecord]) -> list[str]:
    """Everything in which the records are not what the SIP side saw; empty when they agree."""
    pairs, unseen, invented = matched(truth, records)
    wrong = [f"{each.kind} {each.caller}: no record" for each in unseen if not each.touched and not each.never_in]
    wrong += [f"invented: {record}" for record in invented]
    for each, record in pairs:
        wrong += [f"{each.kind} {each.caller}: {what}" for what in _differs(each, record)]
    if [record.arrived_at for record in records] != sorted(record.arrived_at for record in records):
        wrong.append("not in order of arrival")
    if len({record.call for record in records}) < len(records):
        wrong.append("a call id occurs twice")
    return wrong


def matched(truth: Iterable[Truth], records: list[CallRecord]
            ) -> tuple[list[tuple[Truth, CallRecord]], list[Truth], list[CallRecord]]:
    """Calls found by ring-in and caller, those that no record tells of, and records that are no call."""
    left, pairs, unseen = list(records), [], []
    for each in truth:
        near = [record for record in left if _same(each, record)]
        if not near:
            unseen.append(each)
            continue
        best = min(near, key=lambda record: (record.dialled != each.dialled, abs(record.arrived_at - each.arrived_at)))
        left.remove(best)
        pairs.append((each, best))
    return pairs, unseen, left


def _same(truth: Truth, record: CallRecord) -> bool:
    caller = (record.caller or "").lstrip("+")
    known = caller and truth.caller != "anonymous"
    return (abs(record.arrived_at - truth.arrived_at) < SAME_CALL * SECOND
            and (not known or truth.caller.lstrip("+").endswith(caller[-8:])))


def _differs(truth: Truth, record: CallRecord) -> Iterator[str]:
    outcome = None if record.outcome is None else record.outcome.value
    if truth.touched and outcome in (None, Outcome.LOST):
        return
    if outcome not in truth.outcomes:
        yield f"outcome {outcome}, and not {sorted(truth.outcomes)}"
        return
    if record.dialled != truth.dialled and not truth.touched:
        yield f"dialled {record.dialled}, and not {truth.dialled}"
    if truth.answer is not None and not _near(truth, record):
        yield f"answered after {record.answer_bounds}, and not {truth.answer}"
    if not truth.touched and abs((record.ended_at or 0) - (truth.ended_at or 0)) > NEAR * SECOND:
        yield f"ended at {record.ended_at}, and not {truth.ended_at}"
    found = {each.kind.value for each in record.transfers if each.counts}
    if found != truth.transfers and not (truth.touched and found < truth.transfers):
        yield f"transfers {sorted(found)}, and not {sorted(truth.transfers)}"


def unknown(truth: Iterable[Truth], records: list[CallRecord]) -> list[str]:
    """Calls of which a fault left less known than the PBX' own lists tell."""
    return [each.kind for each, record in matched(truth, records)[0]
            if (record.outcome is Outcome.LOST and "lost" not in each.outcomes) or _vague(record)]


def _vague(record: CallRecord) -> bool:
    if record.answer_bounds is None:
        return False
    low, high = record.answer_bounds
    return low is None or high is None or high - low > 2.1        # seconds of the PBX' lists are whole, at both ends


def _near(truth: Truth, record: CallRecord) -> bool:
    if truth.answer is None or record.answer_bounds is None:
        return False
    (earliest, latest), (low, high) = truth.answer, record.answer_bounds
    if record.answered_at is not None and low is not None:
        return earliest - NEAR <= low <= latest + NEAR
    in_between = (low is None or low <= latest + NEAR) and (high is None or high >= earliest - NEAR)
    return truth.touched and in_between
