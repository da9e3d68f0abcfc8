"""A mistake in `inbound` makes no call, and is told by who rings in elsewhere; a house that only rings out is not."""

import pytest
from recorded import recording
from structlog.testing import capture_logs
from test_watching import events_of

from slmon.ami.state import Complaint, LinkStatus
from slmon.core.events import Event, LegStarted, LegState, LegStateChanged
from slmon.core.instant import SECOND
from slmon.core.site import Doors
from slmon.core.switchboard import Switchboard
from slmon.watch import Watch

WRONG = Doors(contexts=frozenset({"from-trunks"}))
NINE = 1_795_417_200 * SECOND


def board(doors=WRONG):
    known = recording("smoke").board()
    return Switchboard("pbx1", doors, known._goal_at, known._is_open)


def rings_in(number: int, channel: str, caller: str, context: str = "from-trunk", down: bool = False) -> list[Event]:
    leg, at = f"1.{number}", NINE + number * SECOND
    if not down:
        return [LegStarted(at, leg, leg, channel, LegState.RING, context, "10100100", caller)]
    return [LegStarted(at, leg, leg, channel, LegState.DOWN, context, "10100100", caller),
            LegStateChanged(at, leg, leg, LegState.RING, context, "10100100")]


def told(switchboard, *several):
    for events in several:
        for event in events:
            switchboard.apply(event)
    return switchboard.elsewhere.doors_unnamed


@pytest.mark.parametrize(("name", "context"), [
    ("menu", "from-trunk"), ("freepbx-min", "from-pstn"), ("chansip-16-min", "from-trunk"), ("restart", "from-trunk")])
def test_the_context_that_members_come_through_is_named_by_what_a_real_switch_tells(name, context):
    assert told(board(), events_of(name))[0] == context


@pytest.mark.parametrize("name", ["attended-min", "not-calls-min", "parking-min", "pickup-min", "reconnect"])
def test_desks_that_ring_each_other_and_out_are_no_door(name):
    at_desks = [event for event in events_of(name)
                if not (isinstance(event, LegStarted) and event.context in {"from-trunk", "from-pstn"})]
    assert sum(isinstance(event, LegStarted) for event in at_desks) > 5
    assert told(board(), at_desks) == ()


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("channel", ["PJSIP/trunk-0000000{0}", "DAHDI/i1/2010000{0}-1"])
def test_ten_calls_of_several_callers_through_a_trunk_are_enough_and_nine_are_not(channel, down):
    calls = [rings_in(each, channel.format(each), f"2010000{each}", down=down) for each in range(10)]
    assert told(board(), *calls[:9]) == ()
    assert told(board(), *calls) == ("from-trunk",)


def test_a_night_in_which_each_phone_only_rings_out_says_nothing():
    calls = [rings_in(each, f"PJSIP/{100 + each % 8}-{each}", str(100 + each % 8), "from-internal")
             for each in range(80)]
    assert told(board(), *calls) == ()


def test_where_a_member_was_ever_known_another_trunk_is_no_mistake():
    switchboard = board(Doors(contexts=frozenset({"from-trunk"})))
    others = [rings_in(each, f"PJSIP/head-office-{each}", f"55{each}", "from-office") for each in range(20)]
    assert told(switchboard, *others) == ("from-office",)
    assert told(switchboard, rings_in(99, "PJSIP/trunk-1", "20100000"), *others) == ()
    anew = [rings_in(each + 200, f"PJSIP/trunk-{each}", f"66{each}", "from-trunk-2") for each in range(20)]
    assert told(switchboard, *anew) == ()
    again = board()
    again.doors_seen.add("PJSIP/trunk")                  # of an earlier life, with the right `inbound`
    assert told(again, *others) == ()
    assert told(again, *[rings_in(each + 100, f"PJSIP/trunk-{each}", f"66{each}") for each in range(10)])


async def test_it_is_said_once_with_the_contexts_and_the_cure(monkeypatch):
    states = []
    found = recording("menu")
    watch = Watch(found.config.pbx[0], board(), lambda watch, facts: None, lambda watch, state: states.append(state))
    watch.link._set(LinkStatus.UP, "")
    events = [replace_context(event, "from\x1b[31m") for event in events_of("menu")]
    with capture_logs() as logs:
        for event in events:
            watch._on_events([event])
    watch.close()
    assert watch.link.state.complaints == {Complaint.NO_DOOR}
    assert not states[-1].is_whole
    (said,) = [each["event"] for each in logs if each["log_level"] == "warning"]
    assert "into `inbound` of this [[pbx]]" in said
    assert said.endswith("they came in through from?[31m")
    assert not any(caller.caller in said for caller in found.truth)


def replace_context(event: Event, context: str) -> Event:
    return event._replace(context=context) if isinstance(event, LegStarted) else event
