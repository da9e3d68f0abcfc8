"""Which time zone the clock times of a log are in, where nothing in it says so. Knows no log."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo

from slmon.core.facts import CallId
from slmon.core.instant import SECOND, Instant, from_datetime

EARLY = 2 * SECOND                 # clock times are cut off, or rounded, to whole seconds
LATE = 15 * 60 * SECOND            # after its ring-in the log tells of a call; zones are further apart than that


def zone_of(told: Iterable[tuple[datetime, str]], zone: tzinfo, pbx: str, known: Mapping[CallId, Instant]) -> tzinfo:
    """UTC or the PBX's own zone: the one in which more of the clock times fit the calls that their ids name.

    A call that is known tells best when it rang in; of others Asterisk's own ids begin with the second.
    """
    fits = {zone: (0, 0), UTC: (0, 0)}
    for clock, leg in told:
        at = known.get(CallId(f"{pbx}/{leg}"))
        began = _second_of(leg) if at is None else at
        if began is None:
            continue
        for each, (by_call, by_id) in fits.items():
            fit = -EARLY <= from_datetime(clock.replace(tzinfo=each)) - began <= LATE
            fits[each] = (by_call + fit, by_id) if at is not None else (by_call, by_id + fit)
    return max(fits, key=lambda each: fits[each])        # of equals the PBX's own


def _second_of(leg: str) -> Instant | None:
    """`pbx1-1795420031.4` → its second; None where an id has none."""
    second = leg.rpartition(".")[0].rpartition("-")[2]
    return int(second) * SECOND if second.isascii() and second.isdigit() and len(second) == 10 else None
