"""What of a person may leave the house: callers as keyed pseudonyms, desks and direct numbers as groups and lines.

Knows what is personal; knows no file, no page and no store.
"""

import hmac
import json
import re
from collections.abc import Collection, Mapping, Sequence

from slmon.core.facts import CallRecord, Transfer, Verdict
from slmon.core.goals import Goal, judge
from slmon.core.instant import Instant, iso
from slmon.core.site import Doors, Group

SHORTEST_KEY = 16
"""Bytes that a key for callers must have at least."""

DESK = "desk"
"""A phone that is in no group, or in one that is too small to hide in."""
OUTSIDE = "outside"
ELSEWHERE = "elsewhere"

_PSEUDONYM = re.compile(r"h:[A-Za-z0-9_-]+:[0-9a-f]{32}")
_SEPARATORS = re.compile(r"[\s().\-/\u00a0]+")
_OUTSIDE_DIGITS = 7            # house extensions are shorter, numbers of the public network longer
_NO_LINE = re.compile(r"[\x7f-\x9f\u2028\u2029]")       # some readers take these for the end of a line


class CallerKey:
    """The key that turns callers' numbers into pseudonyms. A new key, with a new id, cuts the tie to older calls."""

    __slots__ = ("_secret", "key_id")

    def __init__(self, secret: bytes, key_id: str = "k1") -> None:
        """ValueError for a secret under 16 bytes."""
        if len(secret) < SHORTEST_KEY:
            raise ValueError(f"a key for callers has {SHORTEST_KEY} bytes or more, this has {len(secret)}")
        self.key_id = key_id
        self._secret = secret

    def __repr__(self) -> str:
        return f"CallerKey({self.key_id})"

    def pseudonym(self, number: str) -> str | None:
        """`h:k1:6b1f…`, the same for every way to write the number; None when it is withheld or no number."""
        known = national(number)
        if known is None:
            return None
        digest = hmac.digest(self._secret, b"slmon caller " + known.encode(), "sha256")
        return f"h:{self.key_id}:{digest[:16].hex()}"


def pseudonym(number: str, key: CallerKey | None) -> str | None:
    """The caller as slmon keeps it; without a key nothing is kept."""
    return None if key is None else key.pseudonym(number)


def kept_caller(caller: str | None, key: CallerKey | None) -> str | None:
    """What may be kept of a caller, be it a number or a pseudonym already."""
    if caller is None or _PSEUDONYM.fullmatch(caller):
        return caller
    return pseudonym(caller, key)


def national(number: str, country: str = "45", digits: int = 8) -> str | None:
    """One writing of a number: `+45 12 34 56 78`, `004512345678` and `4512345678` are `12345678`.

    Numbers of other countries keep their +. None for a withheld number, a name, or no digits but zeros.
    """
    bare = _SEPARATORS.sub("", number.strip().removeprefix("sip:").partition("@")[0])
    if not re.fullmatch(r"\+?[0-9*#]+", bare) or not bare.strip("+0*#"):
        return None
    if bare.startswith("00"):
        bare = "+" + bare[2:]
    home = bare.removeprefix("+").removeprefix(country)
    return home if len(home) == digits and bare in (f"+{country}{home}", country + home) else bare


def masked(number: str) -> str:
    """An outside number with its digits taken away."""
    return re.sub(r"[0-9]", "X", number)


def call_json(record: CallRecord, goal: Goal, *, caller_clear: bool = False, person_figures: bool = False,
              doors: Doors | None = None, groups: Sequence[Group] = (), queues: Collection[str] = (),
              minimum_group: int = 5, key: CallerKey | None = None, now: Instant | None = None) -> dict[str, object]:
    """The JSON object of one call, keys in their order; times in UTC, unknown is None.

    `goal` is that of the call's day; `key` makes a pseudonym of a caller's number; `now` judges a call that is open
    yet (None: the last moment known of it).
    With `caller_clear` or `person_figures` numbers and desks are as they are. Else they are names: of the line, the
    group (of `minimum_group` desks or more), one of `queues`; `desk`, `outside` and `elsewhere` where there is none.
    """
    verdict = _verdict(record, goal, now)
    clear = caller_clear or person_figures
    names = _Names(doors or Doors(), tuple(groups), frozenset((*queues, *record.queues)), minimum_group)
    bounds = record.answer_bounds
    return {
        "call": record.call,
        "pbx": record.pbx,
        "line": record.line,
        "dialled": (record.dialled or None) if clear else names.dialled(record),
        "caller": record.caller if caller_clear else kept_caller(record.caller, key),
        "queues": list(record.queues),
        "arrived_at": iso(record.arrived_at),
        "asked_at": iso(record.asked_at),
        "answered_at": iso(record.answered_at),
        "talking_at": iso(record.talking_at),
        "ended_at": iso(record.ended_at),
        "answer_seconds": record.answer_seconds,
        "answer_bounds": None if bounds is None else list(bounds),
        "outcome": record.outcome,
        "ended_by": record.ended_by,
        "in_hours": record.in_hours,
        "offered": verdict in (Verdict.MET, Verdict.MISSED),
        "verdict": verdict,
        "transferred": record.transferred,
        "transfers": [_transfer(each, each.to if clear else names.target(each.to)) for each in record.transfers],
        "desks": list(record.desks) if clear else [names.desk(desk) for desk in record.desks],
        "quality": record.quality,
    }


def json_line(call: Mapping[str, object]) -> str:
    """One line of JSON, with its line break; the same call gives the same bytes, whatever its names hold."""
    text = json.dumps(call, ensure_ascii=False, allow_nan=False)
    escaped = _NO_LINE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return escaped.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"     # lone surrogates become \udc80


def _verdict(record: CallRecord, goal: Goal, now: Instant | None) -> Verdict | None:
    judged = judge(record, goal, record.last_moment if now is None else now)
    return None if judged is None else judged[0]


def _transfer(transfer: Transfer, to: str | None) -> dict[str, object]:
    return {"kind": transfer.kind, "at": iso(transfer.at), "to": to, "answered_at": iso(transfer.answered_at),
            "ended_at": iso(transfer.ended_at), "counts": transfer.counts}


class _Names:
    """Names that may leave the house, for what is personal."""

    __slots__ = ("_doors", "_groups", "_queues")

    def __init__(self, doors: Doors, groups: tuple[Group, ...], queues: frozenset[str], minimum_group: int) -> None:
        self._doors = doors
        self._groups = tuple(group for group in groups if _room(group) >= minimum_group)
        self._queues = queues

    def dialled(self, record: CallRecord) -> str | None:
        return record.line or masked(record.dialled) or None

    def desk(self, endpoint: str) -> str:
        return next((group.name for group in self._groups if group.has(endpoint)), DESK)

    def target(self, to: str | None) -> str | None:
        if not to:
            return None
        if to in self._queues:
            return to
        if to in self._doors.meanings:
            return self._doors.meanings[to].value
        if self._doors.is_trunk(to):
            return OUTSIDE
        return self.desk(to) if "/" in to else self._number(to)

    def _number(self, to: str) -> str:
        line = self._doors.line_of(to) if self._doors.lines else None
        if line is not None:
            return line.name
        digits = sum(char.isdigit() for char in to)
        if digits >= _OUTSIDE_DIGITS:
            return masked(to)
        return self._extension(to) if digits else ELSEWHERE

    def _extension(self, to: str) -> str:
        """A short number is most likely the desk of that name, whatever its technology."""
        technologies = {desk.partition("/")[0] for group in self._groups for desk in group.desks if "/" in desk}
        names = (self.desk(f"{technology}/{to}") for technology in sorted(technologies))
        return next((name for name in names if name != DESK), DESK)


def _room(group: Group) -> float:
    """How many desks the group's patterns have room for."""
    return sum(float("inf") if "." in desk else 10.0 ** desk.count("X") for desk in group.desks)
