"""How a call ended for the member, and by whom. Pure: told from all that is known of the call by then."""

from slmon.core.call import Call
from slmon.core.facts import EndedBy, Outcome
from slmon.core.instant import SECOND, Instant
from slmon.core.site import LineKind, Meaning

DESK_ENDED = 2 * SECOND         # the dialplan hangs up at once after the desk did


def outcome_of(call: Call) -> Outcome:
    """The outcome of a call that has ended, unless it is known to be another one."""
    if call.is_answered:
        return Outcome.ANSWERED
    if call.unsure_since is not None:
        return Outcome.LOST                              # it may have been answered before, and passed on to its end
    if call.meaning is Meaning.VOICEMAIL:
        return Outcome.VOICEMAIL
    if call.meaning is Meaning.CALLBACK:
        return Outcome.CALLBACK
    if call.asked_at is None:
        closed = call.meaning is Meaning.CLOSED or (call.line is not None and call.line.kind is LineKind.CLOSED)
        return Outcome.CLOSED if closed else Outcome.LEFT_MENU
    if call.meaning is Meaning.CLOSED or call.sent_away or call.ended_by is not EndedBy.MEMBER:
        return Outcome.TURNED_AWAY
    return Outcome.ABANDONED


def ended_by(call: Call, at: Instant) -> EndedBy:
    """Who ended a call whose member is gone since `at`: whoever hung up first, else the dialplan."""
    member, holder = call.leg.hung_up_at, call.holder
    left = holder.hung_up_at if holder is not None and call.is_answered else None
    if left is not None and at - left <= DESK_ENDED and (member is None or left < member):
        return EndedBy.DESK
    return EndedBy.PBX if member is None else EndedBy.MEMBER
