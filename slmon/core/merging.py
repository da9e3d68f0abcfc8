"""One call of known worth, and what the sources tell of it, field by field. Pure; which call, reconcile.py says."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from slmon.core.account import BEGINNING, END, Account, Between, Span, within
from slmon.core.facts import FOUND, UNHEARD, WHOLE_SECONDS, CallRecord, Outcome, Quality, Step, Transfer, TransferKind
from slmon.core.instant import SECOND, Instant

LISTED = SECOND                    # so far off is a ring-in that was read from a list of whole seconds
SAME_MOMENT = SECOND // 4          # two sources tell one moment so near each other
SAME_STEP = 3 * SECOND             # and, where one has whole seconds, one transfer or queue

BEST = (Quality.CEL, Quality.QUEUE_LOG, Quality.CDR)
"""The sources, the best first."""


class Merging:
    """One call, a base of known worth, and what the sources tell of it."""

    def __init__(self, base: CallRecord, told: dict[Quality, Account], spans: Sequence[Span],
                 source: Account | None = None) -> None:
        """`source`: where the base is from, if it was not heard live."""
        self._base = base
        self._told = [told[source] for source in BEST if source in told]
        self._spans = spans
        self._source = source
        self._arrival_heard = source is None and not is_found(base) and not self._unheard(base.arrived_at, LISTED * (
            base.quality is not Quality.LIVE))
        self._arrival_told = False                       # by an account, and exactly
        self._cut_off = set(base.whole_seconds)

    def call(self) -> CallRecord:
        """All that is known together."""
        record = self._arrived(self._base)
        record = self._asked(record)
        record = self._answered(record)
        record = self._ended(record)
        record = replace(record, transfers=self._transfers(record), queues=self._queues(), desks=self._desks(),
                         steps=self._steps())
        return self._outcome(record)

    def _unheard(self, at: Instant, margin: int = 0) -> bool:
        return within((at - margin, at + margin), self._spans)

    def _first(self, wanted: Callable[[Account], bool]) -> Account | None:
        return next((each for each in self._told if wanted(each)), None)

    def _arrived(self, record: CallRecord) -> CallRecord:
        if self._arrival_heard or self._source is not None:
            return record
        account = self._first(lambda each: each.whole and not each.slack)
        if account is None:
            return self._dialled(record)
        told = account.record
        self._arrival_told = True
        return _not_before(told.arrived_at, replace(
            record, arrived_at=told.arrived_at, in_hours=told.in_hours, line=told.line, dialled=told.dialled,
            excluded=told.excluded, caller=told.caller or record.caller))

    def _dialled(self, record: CallRecord) -> CallRecord:
        """What it dialled, by a source that tells its ring-in roughly only, where the switch's list did not tell."""
        account = self._first(lambda each: each.whole)
        if account is None or record.line is not None or record.dialled:
            return record
        told = account.record
        return replace(record, line=told.line, dialled=told.dialled, excluded=told.excluded,
                       caller=record.caller or told.caller)

    def _asked(self, record: CallRecord) -> CallRecord:
        asked_at = record.asked_at
        if asked_at is not None and not within((record.arrived_at, asked_at), self._spans):
            return record
        account = self._first(lambda each: each.record.asked_at is not None)
        if account is None or account.record.asked_at is None:
            return record
        told = max(record.arrived_at, self._not_heard(account.record.asked_at, account))
        was_heard = self._source is not None or (asked_at is not None and not self._unheard(asked_at))
        if asked_at is not None and was_heard and told + account.slack + SAME_MOMENT >= asked_at:
            return record                                # what is known is as good, or better
        self._is_told("asked_at", account)
        return replace(record, asked_at=told)

    def _not_heard(self, at: Instant, account: Account) -> Instant:
        """The earliest that something can have been which this account tells, and which nobody heard."""
        if not account.slack or self._unheard(at):
            return at
        return next((since for since, _ in self._spans if at < since <= at + account.slack), at)

    def _is_told(self, field: str, account: Account) -> None:
        (self._cut_off.add if account.slack else self._cut_off.discard)(field)

    def _answered(self, record: CallRecord) -> CallRecord:
        exact = record.answered_at
        between: Between | None = record.answered_between or (None if exact is None else (exact, exact))
        talking_at = record.talking_at
        first = self._answer_before(between, record)
        if first is not None:
            between, talking_at = first
        elif exact is not None and self._arrival_heard and not self._unheard(exact):
            return record
        heard = between
        for account in self._told:
            told = self._pick_up(account, record)
            if told is None:
                continue
            if between is None and not self._may_be_answered(record, account):
                continue
            if between is None or (between is heard and self._may_be_earlier(told, between, record)):
                between, talking_at = told, account.record.talking_at
            else:
                met = _meet(between, told)
                if met != between and account.record.talking_at is not None and not account.slack:
                    talking_at = account.record.talking_at
                between = met
        if between is None:
            return record
        low, high = between
        if low is not None and low == high:
            return replace(record, answered_at=low, answered_between=None,
                           talking_at=None if talking_at is None else max(low, talking_at))
        return replace(record, answered_at=None, answered_between=between, talking_at=talking_at)

    def _may_be_earlier(self, told: Between, heard: Between, record: CallRecord) -> bool:
        """Whether whoever was there after a gap need not have been the first: a source tells of a pick-up within it."""
        if self._source is not None or heard[0] is None or heard[0] == heard[1] or told[1] is None:
            return False
        behind = within((record.arrived_at, heard[0] - 1), self._spans)
        return behind and told[1] < (END if heard[1] is None else heard[1])

    def _answer_before(self, heard: Between | None, record: CallRecord) -> tuple[Span, Instant | None] | None:
        """An answer that lay in a gap before the one that was heard: it was passed on while nobody listened.

        Between when, and since when they talked.
        """
        if self._source is not None or heard is None or heard[0] is None:
            return None
        for account in self._told:
            low, high = self._pick_up(account, record) or (None, None)
            if low is None or high is None:
                continue
            if high + SAME_MOMENT >= heard[0] or not self._may_be_unheard((low, high), account):
                return None
            return (max(low, self._not_heard(low, account)), high), account.record.talking_at
        return None

    def _may_be_answered(self, record: CallRecord, account: Account) -> bool:
        """Whether an answer that only this account tells of can have gone unheard, or untold by a better source."""
        if self._source is not None and self._source.record.outcome not in (None, Outcome.LOST):
            return False                                 # a better source saw the call to its end
        better = self._told[:self._told.index(account)]
        if any(each.record.outcome not in (None, Outcome.LOST) for each in better):
            return False
        return self._may_be_unheard(self._pick_up(account, record) or (None, None), account)

    def _may_be_unheard(self, picked_up: Between, account: Account) -> bool:
        """Whether the answer, from the pick-up until both were together, may reach into a gap."""
        low, high = picked_up
        last = END if high is None else max(high, (account.record.talking_at or high) + account.slack)
        return within((BEGINNING if low is None else low, last), self._spans)

    def _pick_up(self, account: Account, record: CallRecord) -> Between | None:
        """When this source says the phone was picked up, by the clock that told the ring-in of the record."""
        told = account.record
        between = told.answered_between or (
            None if told.answered_at is None else (told.answered_at, told.answered_at + account.slack))
        if between is None:
            return None
        (low, high), (early, late) = between, self._rough_arrival()
        return (None if low is None else max(record.arrived_at, low - late),
                None if high is None else max(record.arrived_at, high + early))

    def _rough_arrival(self) -> tuple[int, int]:
        """By how much the ring-in may have been earlier, and later, than is known."""
        if self._source is not None:
            return 0, self._source.slack
        if self._arrival_heard or self._arrival_told:
            return 0, 0
        return LISTED // 2, LISTED // 2

    def _ended(self, record: CallRecord) -> CallRecord:
        at = record.ended_at
        hung_up = record.outcome is not Outcome.LOST or record.ended_by is not None     # else only not seen any more
        if at is not None and hung_up and not self._unheard(at):
            return record
        account = self._first(lambda each: each.record.ended_at is not None)
        if account is None or (self._source is not None and record.ended_at is not None
                               and record.outcome is not Outcome.LOST):
            return record
        told = account.record
        if told.ended_at is None or (told.outcome in (None, Outcome.LOST) and record.ended_at is not None):
            return record
        told_at = told.ended_at                          # queue_log may end with a talk after which the call goes on
        if account.slack:
            told_at = max(record.ended_at or 0, *(each.record.ended_at or 0 for each in self._told if each.slack))
        ended_at = max(self._not_heard(told_at, account), record.arrived_at)
        self._is_told("ended_at", account)
        return replace(record, ended_at=ended_at, ended_by=told.ended_by or record.ended_by, outcome=told.outcome)

    def _outcome(self, record: CallRecord) -> CallRecord:
        if record.answered_at is not None or record.answered_between is not None:
            return replace(record, outcome=Outcome.ANSWERED)
        outcomes = [record.outcome, *(each.record.outcome for each in self._told)]
        known = [each for each in outcomes if each not in (None, Outcome.LOST, Outcome.ANSWERED)]
        ended = None if record.ended_at is None else Outcome.LOST
        return replace(record, outcome=known[0] if known and ended else ended)

    def _transfers(self, record: CallRecord) -> tuple[Transfer, ...]:
        kept = list(self._base.transfers)
        for account in self._told:
            unmatched = list(range(len(kept)))
            for each in account.record.transfers:
                near = [number for number in unmatched if abs(kept[number].at - each.at) <= SAME_STEP
                        and (kept[number].kind is each.kind or kept[number].at == each.at)]
                if near:
                    same = min(near, key=lambda number: (kept[number].to != each.to, abs(kept[number].at - each.at)))
                    unmatched.remove(same)
                    if not account.slack:
                        kept[same] = _completed(kept[same], each, self._unheard)
                elif self._is_parking(each):
                    continue
                elif within((each.at, each.at + account.slack), self._spans) or self._was_no_talk(record, each.at):
                    unheard = replace(each, at=self._not_heard(each.at, account))
                    taken = next((number for number in unmatched if self._is_taking(kept[number], unheard)), None)
                    if taken is None:
                        kept.append(unheard)
                    else:
                        unmatched.remove(taken)
                        kept[taken] = _completed(unheard, kept[taken], lambda at: False)
                    self._is_told("transfers", account)
        return tuple(sorted(kept, key=lambda each: each.at))

    def _is_parking(self, transfer: Transfer) -> bool:
        """Whether it is how a phone parks: for queue_log that is a transfer, to the number of the park."""
        steps = (step for record in (self._base, *(each.record for each in self._told)) for step in record.steps)
        return transfer.kind is TransferKind.BLIND and any(
            step.step == "parked" and abs(step.at - transfer.at) <= SAME_STEP for step in steps)

    def _was_no_talk(self, record: CallRecord, at: Instant) -> bool:
        """Whether the call that is known as answered now was not by then, so that nobody could hear it passed on."""
        base = self._base
        low, _ = base.answered_between or (base.answered_at, None)
        if base.answered_between is not None and base.talking_at is not None:
            low = base.talking_at                        # with the first who was heard, who may have fetched it parked
        return record.answer_bounds is not None and (low is None or low + SAME_MOMENT > at)

    def _all_told(self) -> bool:
        """Whether a source that tells of every hand-over saw the call to its end."""
        account = self._source or self._first(lambda each: each.source is Quality.CEL)
        return account is not None and account.source is Quality.CEL and account.record.outcome is not None

    def _is_taking(self, heard: Transfer, unheard: Transfer) -> bool:
        """Whether what sounded like one desk leaving and another staying was the other taking what was passed on."""
        if heard.kind is not TransferKind.CONFERENCE or heard.at < unheard.at:
            return False
        return (unheard.answered_at is None or abs(heard.at - unheard.answered_at) <= SAME_STEP
                or any(since <= unheard.at and heard.at == until for since, until in self._spans))

    def _queues(self) -> tuple[str, ...]:
        joins = _joins(self._base)
        for account in self._told:
            unmatched = list(joins)
            for each in _joins(account.record):
                same = [other for other in unmatched if other.queue == each.queue and not (
                    other.dated and each.dated and abs(other.at - each.at) > SAME_STEP)]
                nearest = min(same, key=lambda other: abs(other.at - each.at), default=None)
                if nearest is not None:
                    unmatched.remove(nearest)
                if nearest is None or (each.dated and not nearest.dated):
                    joins = [*(other for other in joins if other is not nearest), each]
        return tuple(each.queue for each in sorted(joins, key=lambda each: each.at))

    def _desks(self) -> tuple[str, ...]:
        known = [self._base.desks, *(each.record.desks for each in self._told)]
        return max(known, key=len)                       # of equals the first: the better source

    def _steps(self) -> tuple[Step, ...]:
        steps = list(self._base.steps)
        for account in self._told:
            for each in account.record.steps:
                unheard = self._source is None and self._unheard(each.at)
                if (unheard or self._source is not None) and not any(_same_step(other, each) for other in steps):
                    steps.append(each)
        gone = {WHOLE_SECONDS} | ({FOUND} if self._arrival_told else set()) | ({UNHEARD} if self._all_told() else set())
        steps = [each for each in steps if each.step not in gone]
        if self._cut_off:
            steps.append(Step(self._base.arrived_at, WHOLE_SECONDS, " ".join(sorted(self._cut_off))))
        return tuple(sorted(steps, key=lambda each: each.at))


def _same_step(one: Step, two: Step) -> bool:
    same = one.step == two.step and (one.detail == two.detail or one.step != "queue")
    return same and abs(one.at - two.at) <= SAME_STEP


def is_found(record: CallRecord) -> bool:
    """Whether nobody heard it ring in: a list told of it later."""
    return any(step.step == FOUND for step in record.steps)


def _not_before(at: Instant, record: CallRecord) -> CallRecord:
    """Nothing happened to the call before it rang in."""
    def later(moment: Instant | None) -> Instant | None:
        return None if moment is None else max(moment, at)

    between = record.answered_between
    return replace(record, asked_at=later(record.asked_at), answered_at=later(record.answered_at),
                   answered_between=None if between is None else (later(between[0]), later(between[1])),
                   talking_at=later(record.talking_at), ended_at=later(record.ended_at))


def _meet(one: Between, two: Between
          ) -> Between:
    """What both leave possible; where they contradict each other, what the better source says."""
    low = max((each for each in (one[0], two[0]) if each is not None), default=None)
    high = min((each for each in (one[1], two[1]) if each is not None), default=None)
    if low is None or high is None or low <= high:
        return low, high
    if low - high <= SAME_MOMENT:
        return (two if two[0] == two[1] else one)        # two clocks' readings of one moment
    return one


def _completed(kept: Transfer, told: Transfer, unheard: Callable[[Instant], bool]) -> Transfer:
    """A hand-over that was heard, with what became of it while nobody listened."""
    answered_at = kept.answered_at if kept.answered_at is not None else told.answered_at
    ended_at = kept.ended_at
    if told.ended_at is not None and (ended_at is None or unheard(ended_at)):
        ended_at = told.ended_at
    return replace(kept, answered_at=answered_at, ended_at=ended_at, to=kept.to or told.to)


class _Join(NamedTuple):
    """A queue that was joined. Not `dated`: nobody told when, and it has the moment of the one before it."""

    at: Instant
    queue: str
    dated: bool


def _joins(record: CallRecord) -> list[_Join]:
    steps = [each for each in record.steps if each.step == "queue"]
    at, joins = record.asked_at or record.arrived_at, []
    for queue in record.queues:
        step = next((each for each in steps if each.detail == queue), None)
        if step is not None:
            steps.remove(step)
            at = step.at
        joins.append(_Join(at, queue, step is not None))
    return joins
