"""What one wallboard shows, as plain figures for the browser: a Snapshot in, JSON out. No words, no judging."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from slmon.core.board import HalfHour, LinkState, Snapshot
from slmon.core.facts import DeskState
from slmon.core.gaps import GapSum
from slmon.core.goals import Goal, Share, answer_within, band, standing, transfer_rate
from slmon.core.hours import Opening
from slmon.core.instant import Instant
from slmon.core.tally import Tally
from slmon.web.stream import Picture
from slmon.web.words import decimals_that_tell


@dataclass(frozen=True, slots=True)
class Keeping:
    """How it goes with the store, as far as a board has to say."""

    not_since: Instant | None = None       # nothing is saved since then
    set_aside: bool = False                # earlier calls are in a damaged database that waits for a person


def picture(snapshot: Snapshot, version: str, keeping: Keeping = Keeping()) -> Picture:
    """The snapshot as a server-sent event; `drawn` leaves out what only tells that time goes by."""
    figures = _encoded({**_figures(snapshot), "not_saving_since": _ms(keeping.not_since),
                        "set_aside": keeping.set_aside})
    heard = _heard(snapshot.links)
    time = _encoded({"at": _ms(snapshot.at), "heard": _ms(heard), "version": version})
    return Picture(figures, b'data: {"time":%b,"figures":%b}\n\n' % (time, figures))


def _figures(snapshot: Snapshot) -> dict[str, Any]:
    goal = snapshot.goal
    return {
        "opening": _opening(snapshot.opening),
        "goal": {"seconds": goal.answer_seconds, "share": goal.answer_share,
                 "good": goal.transfer_good, "ceiling": goal.transfer_ceiling},
        "waiting": [_ms(member.arrived_at) for member in snapshot.waiting],
        "desks": _desks(snapshot.desks),
        "today": _answered(snapshot.today, goal),
        "transferred": _transferred(snapshot.today, goal),
        "half": _answered(snapshot.last_half_hour, goal),
        "day": [_half_hour(half) for half in snapshot.half_hours],
        "undecided": snapshot.today.undecided,
        "unaccounted": snapshot.unaccounted_today,
        "gap": snapshot.gap_seconds_today,
        "gaps": _gaps(snapshot.gaps_today),
        "filled": _gaps(snapshot.filled_today),
        "incomplete": any(link.up and not link.whole for link in snapshot.links),
        "links": [{"pbx": link.pbx, "up": link.up, "since": _ms(link.since)} for link in snapshot.links],
        "last_day": None if snapshot.last_day is None else {
            "day": _ms(snapshot.last_day[0]),
            "today": _answered(snapshot.last_day[1], goal),
            "transferred": _transferred(snapshot.last_day[1], goal)},
    }


def _desks(desks: Counter[DeskState]) -> dict[str, int] | None:
    """None where no desk is known, or the group is too small to be shown."""
    if not desks:
        return None
    # a desk that rings is free until it is picked up
    return {"free": desks[DeskState.FREE] + desks[DeskState.RINGING], "busy": desks[DeskState.BUSY],
            "paused": desks[DeskState.PAUSED]}


def _gaps(gaps: GapSum) -> dict[str, Any]:
    return {"n": gaps.count, "since": _ms(gaps.since), "until": _ms(gaps.until), "hidden": gaps.hidden_at_most}


def _opening(opening: Opening) -> dict[str, Any]:
    return {"phase": opening.phase, "holiday": opening.holiday, "opens": _ms(opening.opens_at),
            "closes": _ms(opening.closes_at), "hours": [[_ms(start), _ms(end)] for start, end in opening.hours_today]}


def _answered(tally: Tally, goal: Goal) -> dict[str, Any]:
    level = answer_within(tally)
    return _share(level, standing(level, goal), goal.answer_share)


def _transferred(tally: Tally, goal: Goal) -> dict[str, Any]:
    rate = transfer_rate(tally)
    return _share(rate, band(rate, goal), goal.transfer_good, goal.transfer_ceiling)


def _share(share: Share, verdict: str, *limits: float) -> dict[str, Any]:
    return {"share": share.share, "part": share.part, "of": share.whole, "verdict": verdict,
            "decimals": decimals_that_tell(share.share, *limits)}


def _half_hour(half: HalfHour) -> list[Any]:
    tally = half.tally
    return [_ms(half.starts_at), tally.met, tally.missed, tally.undecided, half.gap_seconds]


def _heard(links: Iterable[LinkState]) -> Instant | None:
    return max((link.last_event_at for link in links if link.last_event_at is not None), default=None)


def _ms(at: Instant | None) -> int | None:
    return None if at is None else at // 1000


def _encoded(figures: dict[str, Any]) -> bytes:
    return json.dumps(figures, separators=(",", ":"), allow_nan=False).encode()   # ASCII: one line whatever the names
