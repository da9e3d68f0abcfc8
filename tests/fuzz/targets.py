"""What the fuzzer feeds, and what must hold of every input. Knows nothing of the fuzzer: any bytes will do.

The first bytes of an input say into what chunks the rest is cut; the rest is what a PBX, or a log of one, might say.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from random import Random

from recorded import recording
from test_switchboard_properties import contradictions, out_of_order, records_of

from slmon.ami import wire
from slmon.ami.translate import VOCABULARY, Translator
from slmon.ami.wire import AmiStream, Item
from slmon.backfill.cdr import cdr_accounts, cdr_moment
from slmon.backfill.cel import cel_accounts, cel_moment
from slmon.backfill.files import once
from slmon.backfill.queue_log import queue_log_accounts, queue_log_moment
from slmon.core.account import BEGINNING, END, Account, unwatched
from slmon.core.events import Event, SnapshotTaken, StreamLost
from slmon.core.facts import SAME_CALL, CallArrived, CallId, ClockStepped, Fact, Quality
from slmon.core.instant import SECOND, Instant
from slmon.core.reconcile import reconciled
from slmon.core.switchboard import Switchboard

HEAD = 2                         # bytes that say how the rest is cut
SMALL_LINE, SMALL_MESSAGE = 200, 600
LEAST_WORK, WORK_A_BYTE = 4000, 12   # calls of functions
MOST_CHUNKS = 300                # short inputs come in single bytes
HOUSE = "smoke-min"
BANNER = b"Asterisk Call Manager/9.0.0\r\n"
EMPTY = b"\r\n\r\n"


class Patient(AmiStream):
    """A stream that learns nothing, so that every event is read header by header."""

    def __init__(self, vocabulary: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(vocabulary)
        self._known = {}

    def _learn(self, *_: object) -> None:
        pass


def ami(data: bytes) -> None:
    """Bytes of a connection: however they are cut and whatever was learned before, the same is read and told."""
    how, said = data[:HEAD], BANNER + data[HEAD:]
    whole = read(said, [], AmiStream(VOCABULARY))
    assert read(said, cuts(how, len(said)), AmiStream(VOCABULARY)) == whole, "the chunks make a difference"
    assert read(said, [], Patient(VOCABULARY)) == whole, "the way in haste reads something else"
    learned = AmiStream(VOCABULARY)
    first = learned.feed(said + EMPTY)
    assert learned.feed(data[HEAD:] + EMPTY) == first[1:], "what was learned makes a difference"
    bounded(said, cuts(how, len(said)))
    in_proportion(said, cuts(how, len(said)))
    listened(whole)


def read(said: bytes, places: Sequence[int], stream: AmiStream) -> list[Item]:
    """The items of the bytes, cut at these places; a message under way at the end is not among them."""
    return [item for begin, end in pairwise([0, *places, len(said)]) for item in stream.feed(said[begin:end])]


def cuts(how: bytes, length: int) -> list[int]:
    """Where to cut: every so many bytes, or anywhere."""
    step, seed = (how[0] if how else 0), (how[1] if len(how) > 1 else 0)
    if step < 64:
        every = max(step + 1, length // MOST_CHUNKS)
        return list(range(every, length, every))
    random = Random(seed)
    return sorted(random.randrange(length) for _ in range(step % 16))


def bounded(said: bytes, places: Sequence[int]) -> None:
    """Where little is allowed of a line and a message, no more than that is kept, and nothing raises."""
    with little_allowed():
        stream = AmiStream(VOCABULARY)
        for begin, end in pairwise([0, *places, len(said)]):
            stream.feed(said[begin:end])
            assert len(stream._pending) <= SMALL_MESSAGE, "more is kept than is allowed"


@contextmanager
def little_allowed() -> Iterator[None]:
    """Lines and messages may be so short that an input of the fuzzer's passes the bounds."""
    before = wire.MAX_LINE, wire.MAX_MESSAGE
    wire.MAX_LINE, wire.MAX_MESSAGE = SMALL_LINE, SMALL_MESSAGE
    try:
        yield
    finally:
        wire.MAX_LINE, wire.MAX_MESSAGE = before


def in_proportion(said: bytes, places: Sequence[int]) -> None:
    """What reading costs is counted in calls of functions, ours and built-in, and grows with the bytes alone."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read(said, places, AmiStream(VOCABULARY))
    finally:
        sys.setprofile(before)
    most = LEAST_WORK + WORK_A_BYTE * (len(said) + 4 * len(places))
    assert calls <= most, f"{calls} calls for {len(said)} bytes in {len(places) + 1} chunks"


def listened(items: list[Item]) -> None:
    """What a daemon makes of them: no fact twice, and none against another."""
    events = Translator().translate(items)
    board = a_board()
    facts = told(board, events)
    again = ids_used_again(facts)
    facts = [fact for fact in facts if getattr(fact, "call", None) not in again]
    records = records_of(board, facts)
    wrong = contradictions(facts, records) + out_of_order(records)
    assert wrong == [], wrong


def ids_used_again(facts: Sequence[Fact]) -> set[CallId]:
    """Ids of more calls than one: an hour apart they are others. Where the clock is set, nobody knows how far apart."""
    arrived: dict[CallId, Instant] = {}
    if any(isinstance(fact, ClockStepped) for fact in facts):
        counted = Counter(fact.call for fact in facts if isinstance(fact, CallArrived))
        return {call for call, times in counted.items() if times > 1}
    again = set()
    for fact in facts:
        if isinstance(fact, CallArrived) and fact.at - arrived.setdefault(fact.call, fact.at) >= SAME_CALL:
            again.add(fact.call)
    return again


def told(board: Switchboard, events: Sequence[Event]) -> list[Fact]:
    """The facts of events, then of the time after them, a lost link, an empty list, and the end."""
    facts = [fact for event in events for fact in board.apply(event)]
    facts += board.advance(board.told_until + 30 * SECOND)
    at = board.told_until
    facts += board.apply(StreamLost(at, at, "end of the bytes"))
    facts += board.apply(SnapshotTaken(at + SECOND, (), (), (), ()))
    facts += board.advance(at + 120 * SECOND) + board.finish()
    assert board.calls == {}, "a call that the switch does not list goes on"
    return facts


def a_board() -> Switchboard:
    """A switchboard with the hours and goals of a real configuration."""
    return recording(HOUSE).board()


def logs(data: bytes) -> None:
    """Lines of CEL, queue_log and CDR, mixed up: each reader takes what is its own, and none minds the rest.

    A file given twice tells no more than once, and the order of the sources makes no difference.
    """
    lines = data.splitlines(keepends=True)
    accounts: list[Account] = []
    for read_log, moment in LOGS:
        found = read_log(lines)
        assert Counter(once([lines, lines], moment)) == Counter(lines), "a line is lost, or told twice"
        assert repr(read_log(lines)) == repr(found), "the same lines tell something else"
        accounts += found
    for spans in ALL_UNHEARD, SOME_UNHEARD:
        calls = reconciled((), accounts, spans)
        assert reconciled((), accounts[::-1], spans) == calls, "the order of the sources makes a difference"
        assert reconciled((), accounts * 2, spans) == calls, "told twice, a source tells more"
        wrong = out_of_order([call for call in calls if call.quality is Quality.CEL])
        assert wrong == [], wrong


def _cel(lines: list[bytes]) -> list[Account]:
    return cel_accounts(lines, a_board(), lambda record: True)


def _queue_log(lines: list[bytes]) -> list[Account]:
    return queue_log_accounts(lines, "pbx1", a_board().doors, lambda call, at: True)


def _cdr(lines: list[bytes]) -> list[Account]:
    house = recording(HOUSE).config
    return cdr_accounts(lines, "pbx1", a_board().doors, house.phone_hours().is_open, house.site.zone, {})


LOGS: tuple[tuple[Callable[[list[bytes]], list[Account]], Callable[[bytes], Instant | None]], ...] = (
    (_cel, cel_moment), (_queue_log, queue_log_moment), (_cdr, cdr_moment))
ALL_UNHEARD = ((BEGINNING, END),)
SOME_UNHEARD = unwatched([(1795420040 * SECOND, 1795420060 * SECOND)], 0, END - 1)

TARGETS: dict[str, Callable[[bytes], None]] = {"ami": ami, "logs": logs}
