"""What never ends: hang-ups that are never told, channels that hang, members who are gone before their channel."""

import pytest
from recorded import recording
from telling import (
    House,
    answered_call,
    during,
    hangs_up,
    instant,
    joins,
    listed,
    lost,
    ringing,
    rings,
    seen,
    state,
)

from slmon.ami.translate import VOCABULARY, Translator
from slmon.ami.wire import AmiStream
from slmon.core import events as ev
from slmon.core.facts import CallArrived, CallEnded, OddityNoticed, Outcome
from slmon.core.instant import SECOND

HOUR = 3600.0
BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def kinds(house):
    return [fact.kind for fact in house.of(OddityNoticed)]


def test_a_call_missing_from_two_lists_of_the_switch_is_over_when_it_was_last_seen():
    house = during(ringing(at=100), joins(at=101), listed(160, seen("c1", 100)), listed(220))
    assert house.wait(279).calls() == []
    house.hear(listed(280)).wait(300)
    assert house.call().ended_at == instant(160)
    assert house.call().outcome is Outcome.LOST
    assert house.call().ended_by is None
    assert "never_hung_up" in kinds(house)


def test_a_list_of_which_a_filter_holds_some_back_proves_nothing():
    house = during(ringing(at=100), joins(at=101), listed(160, seen("c1", 100)))
    for at in (220, 280, 340):
        house.hear([each._replace(whole=False) for each in listed(at)])
    house.wait(400)
    assert house.call().ended_at is None


def test_whether_a_list_is_whole_is_told_by_the_switchs_own_count():
    item = b"Event: CoreShowChannel\r\nActionID: a1\r\nChannel: PJSIP/1-1\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\n\r\n"
    done = b"Event: CoreShowChannelsComplete\r\nActionID: a%d\r\nEventList: Complete\r\nListItems: %d\r\n\r\n"
    for number, (count, whole) in enumerate([(1, True), (2, False)]):
        stream, translator = AmiStream(VOCABULARY), Translator()
        items = stream.feed(BANNER + item.replace(b"a1", b"a%d" % number) + done % (number, count))
        [snapshot] = [each for each in translator.translate(items, now=1) if isinstance(each, ev.SnapshotTaken)]
        assert snapshot.whole is whole


def test_one_list_without_it_proves_nothing():
    house = during(ringing(at=100), joins(at=101), listed(160), listed(220, seen("c1", 100)), listed(280))
    house.wait(300)
    assert house.call().ended_at is None


def test_a_call_that_rang_in_while_the_list_was_made_is_not_missing_from_it():
    house = during(listed(50), ringing(at=100), listed(101), listed(101.5))
    house.wait(102)
    assert house.call().ended_at is None


def test_an_answered_call_whose_hang_up_is_never_told_stays_answered():
    house = during(answered_call(at=100), listed(160, seen("c1", 100)), listed(220), listed(280))
    house.wait(300)
    assert (house.call().outcome, house.call().answer_seconds) == (Outcome.ANSWERED, 10.0)
    assert house.call().ended_at == instant(160)


def test_a_desk_that_is_gone_unheard_leaves_the_member_waiting_alone():
    house = during(ringing(at=100), joins(at=101), rings(at=102), state("101", 105, ev.LegState.UP, linked="c1"))
    house.hear(*(listed(at, seen("c1", 100)) for at in (160, 220, 280)))
    house.wait(300)
    assert list(house.board.wiring.legs) == ["c1"]
    assert house.call().outcome is None


def test_a_channel_that_hangs_for_hours_is_stuck_and_no_longer_waits():
    house = during(ringing(at=100), joins(at=101))
    for at in range(200, 4 * 3600, 600):
        house.hear(listed(at, seen("c1", 100)))
    assert kinds(house) == []
    for at in range(4 * 3600 + 102, 5 * 3600, 600):
        house.hear(listed(at, seen("c1", 100)))
    assert kinds(house) == ["stuck_channel"]
    assert house.call().ended_at == instant(101)
    assert house.call().outcome is Outcome.LOST
    assert house.verdict() == "missed"
    assert house.board.stuck() == 1
    house.hear(hangs_up("c1", 5 * HOUR))
    assert house.board.stuck() == 0
    assert len(house.of(CallEnded)) == len(house.of(CallArrived)) == 1


def test_a_member_who_is_gone_does_not_ring_in_again_because_the_channel_lingers():
    gone = ev.HangupRequested(instant(110), "c1", "c1")
    house = during(ringing(at=100), [gone]).wait(120)
    house.hear(lost(130, 125), listed(140, seen("c1", 100, state=ev.LegState.UP)))
    assert len(house.of(CallArrived)) == 1


def test_nor_after_a_restart_of_ours():
    before = during(answered_call(at=100), [ev.HangupRequested(instant(120), "c1", "c1")]).wait(140)
    after = during()
    after.board.resume([], instant(140), over=before.calls())
    after.hear(listed(150, seen("c1", 100, state=ev.LegState.UP)))
    assert after.of(CallArrived) == []


def test_what_lingers_is_forgotten_with_its_channel():
    gone = ev.HangupRequested(instant(110), "c1", "c1")
    house = during(ringing(at=100), [gone]).wait(120)
    house.hear(listed(130))
    house.hear(lost(140, 135), listed(HOUR + 200, seen("c1", HOUR + 190)))
    assert len(house.of(CallArrived)) == 2


def test_without_lists_legs_of_no_call_are_forgotten_after_a_day():
    house = during(rings(call="nobody", at=100, leg="x"), ringing(at=101))
    house.wait(26 * HOUR)
    house.wait(27 * HOUR)
    assert list(house.board.wiring.legs) == ["c1"]


def heard_of(name):
    """All events of a recording."""
    stream, translator = AmiStream(VOCABULARY), Translator()
    return [event for data in recording(name).captures for event in translator.translate(stream.feed(data))]


@pytest.mark.parametrize("name", ["smoke", "transfers", "queue-outcomes", "parking-min", "freepbx-transfers-min"])
def test_without_any_hang_up_told_the_calls_are_the_same_but_for_their_ends(name):
    whole = House(recording(name).board()).hear(heard_of(name))
    whole.facts += whole.board.finish()
    house = House(recording(name).board()).hear(event for event in heard_of(name) if not isinstance(event, ev.LegEnded))
    last = house.board.told_until / SECOND
    house.hear(listed(last + 60), listed(last + 120)).wait(last + 200)
    told = {record.call: record for record in house.calls()}
    for record in whole.calls():
        mine = told.pop(record.call)
        assert (mine.answered_at, mine.asked_at, mine.queues, mine.transferred) == (
            record.answered_at, record.asked_at, record.queues, record.transferred)
        assert mine.outcome in {record.outcome, Outcome.LOST}
        assert mine.outcome is Outcome.ANSWERED or record.outcome is not Outcome.ANSWERED
    assert told == {}
    assert len(house.board.wiring) == 0
