"""What Asterisk's queue_log tells of callers in queues: joined, connected, left, passed on. Whole seconds.

https://docs.asterisk.org/ "Queue Logs". It names a call by the Uniqueid of whoever waits, caseworkers who consult a
queue too, so it tells of calls that another source knows, and never of a call by itself.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from slmon.core.account import Account
from slmon.core.facts import CallId, CallRecord, EndedBy, Outcome, Quality, Step, Transfer, TransferKind
from slmon.core.instant import SECOND, Instant
from slmon.core.site import Doors, LineKind

_SECOND_LESS_ONE = SECOND - 1
_DAY = 24 * 3600 * SECOND
_PARK = b"700"                     # `parkext` of Asterisk's res_parking, unless it is set
_MOST = 200_000                    # callers kept in mind at once


@dataclass(slots=True)
class _Caller:
    """One caller in queues, so far."""

    began_at: Instant
    queues: list[Step] = field(default_factory=list)
    tried_at: Instant = 0                        # a desk began to be rung no earlier
    between: tuple[Instant, Instant] | None = None
    ended_at: Instant | None = None
    ended_by: EndedBy | None = None
    outcome: Outcome | None = None
    transfers: list[Transfer] = field(default_factory=list)


def queue_log_accounts(lines: Iterable[bytes], pbx: str, doors: Doors, wanted: Callable[[CallId, Instant], bool],
                       unread: Callable[[bytes], None] = lambda line: None) -> list[Account]:
    """What the lines, in the order of their time, tell of the wanted calls: by id, and when it is first named."""
    callers: dict[bytes, _Caller | None] = {}
    told: list[tuple[CallId, _Caller]] = []
    most = _MOST
    before = now = b""
    for line in lines:
        parts = line.rstrip(b"\r\n").split(b"|")
        if len(parts) < 5:
            unread(line)
            continue
        before, now, leg = now, parts[0], parts[1]
        if parts[4] == b"QUEUESTART":
            _stopped(told, _instant(before))
        caller = callers.get(leg)
        if caller is None and leg in callers:
            continue
        at = _instant(parts[0])
        if at is None:
            unread(line)
            continue
        if caller is None or at - caller.began_at >= _DAY:
            call = CallId(f"{pbx}/{leg.decode('utf-8', 'replace')}")
            caller = callers[leg] = _Caller(at) if leg != b"NONE" and wanted(call, at) else None
            if len(callers) > most:
                _forget_old(callers)
                most = len(callers) + _MOST
            if caller is None:
                continue
            told.append((call, caller))
        _tell(caller, at, parts[2], parts[4], parts[5:], doors)
    return [_account(call, pbx, caller) for call, caller in told]


def _stopped(told: Iterable[tuple[CallId, _Caller]], last: Instant | None) -> None:
    """The switch began anew: whose call ended at the last moment before may have been hung up by its stop."""
    for _, caller in told:
        if last is not None and caller.ended_at is not None and caller.ended_at >= last - SECOND:
            caller.ended_by = None
            if caller.outcome is Outcome.ABANDONED:
                caller.outcome = Outcome.LOST


def _forget_old(callers: dict[bytes, _Caller | None]) -> None:
    """Who was not wanted, and was first named longest ago, is hardly named again."""
    for leg in list(islice(callers, len(callers) // 2)):
        if callers[leg] is None:
            del callers[leg]


def is_queue_log(line: bytes) -> bool:
    """Whether it tells of something."""
    return line.count(b"|") > 3 and queue_log_moment(line) is not None


def queue_log_moment(line: bytes) -> Instant | None:
    """The moment of a line, without reading the rest of it."""
    return _instant(line.partition(b"|")[0])


def _instant(text: bytes) -> Instant | None:
    """`1795420033`, or with a fraction, which is cut off: all are treated alike."""
    seconds = text.partition(b".")[0]
    return int(seconds) * SECOND if seconds.isdigit() and len(seconds) < 12 else None


def _tell(caller: _Caller, at: Instant, queue: bytes, word: bytes, words: list[bytes], doors: Doors) -> None:
    match word:
        case b"ENTERQUEUE":
            caller.queues.append(Step(at, "queue", queue.decode("utf-8", "replace")))
            caller.tried_at = at
            caller.ended_at = caller.ended_by = caller.outcome = None
        case b"RINGNOANSWER":
            caller.tried_at = at
        case b"CONNECT":
            if caller.between is None:
                # The last desk rang so long and was picked up; an announcement to it may have come after that.
                rang = int(words[2]) if len(words) > 2 and words[2].isdigit() else 0
                picked_up_at = min(at, caller.tried_at + rang * SECOND)
                caller.between = picked_up_at, at + _SECOND_LESS_ONE
        case b"COMPLETECALLER" | b"COMPLETEAGENT":
            caller.ended_at = at
            caller.ended_by = EndedBy.MEMBER if word == b"COMPLETECALLER" else EndedBy.DESK
            caller.outcome = Outcome.ANSWERED
        case b"ABANDON":
            caller.ended_at, caller.ended_by, caller.outcome = at, EndedBy.MEMBER, Outcome.ABANDONED
        case b"BLINDTRANSFER" if words[:1] == [_PARK]:
            pass                                     # a parking, or what becomes of it, only other sources tell
        case b"BLINDTRANSFER":
            to = words[0].decode("utf-8", "replace") if words else ""
            survey = any(line.kind is LineKind.SURVEY and line.has(to) for line in doors.lines)
            caller.transfers.append(Transfer(TransferKind.BLIND, at, to or None, counts=not survey))
        case b"ATTENDEDTRANSFER":
            caller.transfers.append(Transfer(TransferKind.ATTENDED, at, None))
        case _:
            pass


def _account(call: CallId, pbx: str, caller: _Caller) -> Account:
    asked_at = caller.queues[0].at if caller.queues else None
    outcome = Outcome.ANSWERED if caller.between is not None and caller.outcome is not None else caller.outcome
    record = CallRecord(
        call, pbx, caller.began_at, queues=tuple(step.detail for step in caller.queues), asked_at=asked_at,
        answered_between=caller.between, ended_at=caller.ended_at, ended_by=caller.ended_by, outcome=outcome,
        transfers=tuple(caller.transfers), quality=Quality.QUEUE_LOG, steps=tuple(caller.queues))
    return Account(Quality.QUEUE_LOG, record, _SECOND_LESS_ONE, whole=False)
