"""One call one row, whatever the sources say, in whatever order, however often."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from slmon.core.account import Account, unwatched
from slmon.core.facts import FOUND, UNHEARD, CallId, CallRecord, EndedBy, Outcome, Quality, Step, Transfer, TransferKind
from slmon.core.instant import SECOND
from slmon.core.reconcile import reconciled, touched

ID = CallId("pbx1/pbx1-1.1")
WATCHED = unwatched([(40 * SECOND, 50 * SECOND)], 0, 100 * SECOND)      # but for ten seconds from the fortieth on


def at(seconds):
    return round(seconds * SECOND)


def record(arrived=30.0, call=ID, **known):
    return CallRecord(call, "pbx1", at(arrived), **{
        name: at(value) if name.endswith("_at") and value is not None else value for name, value in known.items()})


def cel(slack=0, **known):
    return Account(Quality.CEL, replace(record(**known), quality=Quality.CEL), slack)


def queue_log(**known):
    return Account(Quality.QUEUE_LOG, replace(record(**known), quality=Quality.QUEUE_LOG), SECOND - 1, whole=False)


LOST = record(asked_at=32, ended_at=40, outcome=Outcome.LOST)
ANSWERED = {"asked_at": 32, "answered_at": 45.5, "talking_at": 45.6, "ended_at": 60, "outcome": Outcome.ANSWERED}


def test_a_lost_call_becomes_what_the_source_saw():
    (found,) = reconciled([LOST], [cel(**ANSWERED)], WATCHED)
    assert (found.answered_at, found.ended_at, found.outcome) == (at(45.5), at(60), Outcome.ANSWERED)
    assert found.quality is Quality.MIXED


def test_of_two_tellings_that_differ_in_the_journey_alone_the_same_one_is_kept_in_any_order():
    one, two = (cel(arrived=42, ended_at=60, steps=(Step(at(seconds), "queue", "dagpenge"),)) for seconds in (43, 44))
    journeys = [reconciled([], told, WATCHED)[0].steps for told in ([one, two], [two, one])]
    assert journeys[0] == journeys[1]


def test_a_ring_in_that_a_list_told_is_rough_though_it_lies_in_no_gap_and_exact_once_a_log_told_it():
    found = record(arrived=30.3, asked_at=32, ended_at=40, outcome=Outcome.LOST, quality=Quality.RESUMED,
                   steps=(Step(at(31), FOUND),))
    (told,) = reconciled([found], [cel(**ANSWERED)], WATCHED)
    assert (told.arrived_at, told.answered_at) == (at(30), at(45.5))
    assert FOUND not in [step.step for step in told.steps]
    (rough,) = reconciled([found], [cel(SECOND - 1, **ANSWERED)], WATCHED)
    assert rough.answer_bounds == (14.7, 16.699999)


def test_a_lost_call_of_which_no_source_tells_stays_lost():
    assert reconciled([LOST], [cel(asked_at=32, ended_at=40, outcome=Outcome.LOST)], WATCHED) == [LOST]


def test_whole_seconds_make_an_interval_by_the_ring_in_that_was_heard():
    (found,) = reconciled([LOST], [cel(SECOND - 1, arrived=30, asked_at=32, answered_at=45, ended_at=60,
                                       outcome=Outcome.ANSWERED)], WATCHED)
    assert found.answered_at is None
    assert found.answered_between == (at(45), at(46) - 1)


def test_without_a_ring_in_that_was_heard_both_ends_are_rough():
    (found,) = reconciled([], [cel(SECOND - 1, arrived=42, answered_at=45, ended_at=60, outcome=Outcome.ANSWERED)],
                          WATCHED)
    assert found.answer_bounds == (2.000001, 3.999999)
    assert found.quality is Quality.CEL


def test_a_ring_in_that_an_exact_source_confirms_is_exact():
    live = record(arrived=49.5, asked_at=50, answered_between=(at(53), at(60)), quality=Quality.RESUMED)
    (found,) = reconciled([live], [cel(arrived=49.5, asked_at=50, answered_at=55, ended_at=60,
                                       outcome=Outcome.ANSWERED)], WATCHED)
    assert (found.answered_at, found.answered_between) == (at(55), None)


def test_intervals_of_two_sources_meet():
    live = record(asked_at=32, answered_between=(at(40), at(44)), ended_at=60, outcome=Outcome.ANSWERED,
                  quality=Quality.RESUMED)
    told = queue_log(arrived=32, answered_between=(at(43), at(45)), outcome=Outcome.ANSWERED)
    (found,) = reconciled([live], [told], WATCHED)
    assert found.answered_between == (at(43), at(44))


def test_who_was_there_after_the_gap_need_not_have_been_the_first():
    live = record(asked_at=32, answered_between=(at(44), at(50)), ended_at=60, outcome=Outcome.ANSWERED,
                  quality=Quality.RESUMED)
    told = queue_log(arrived=32, answered_between=(at(43.5), at(44.5)), outcome=Outcome.ANSWERED)
    (found,) = reconciled([live], [told], WATCHED)
    assert found.answered_between == (at(43.5), at(44.5))


def test_a_source_that_contradicts_changes_no_answer_that_was_heard():
    live = record(**ANSWERED | {"answered_at": 35.25, "talking_at": 35.25})
    (found,) = reconciled([live], [cel(**ANSWERED)], WATCHED)
    assert (found.answered_at, found.talking_at) == (at(35.25), at(35.25))


def test_an_answer_within_a_gap_counts_before_the_one_of_whoever_it_was_passed_on_to():
    transfer = Transfer(TransferKind.BLIND, at(48), "203", at(55))
    told = cel(**ANSWERED, transfers=(transfer,), desks=("PJSIP/101", "PJSIP/203"))
    heard = [record(asked_at=32, answered_at=55, talking_at=55.2, ended_at=60, outcome=Outcome.ANSWERED),
             record(arrived=45.2, asked_at=50.5, answered_between=(at(54.5), at(55.5)), ended_at=60,
                    outcome=Outcome.ANSWERED, quality=Quality.RESUMED, steps=(Step(at(50.5), FOUND),))]
    for live, ring_in in zip(heard, (30, 44.9), strict=True):
        (found,) = reconciled([live], [replace(told, record=replace(told.record, arrived_at=at(ring_in)))], WATCHED)
        assert (found.answered_at, found.talking_at) == (at(45.5), at(45.6))
        assert (found.transfers, found.desks) == ((transfer,), ("PJSIP/101", "PJSIP/203"))


def test_what_was_heard_from_ring_in_to_end_is_left_alone_whatever_the_sources_say():
    live = record(arrived=10, asked_at=11, ended_at=20, outcome=Outcome.ABANDONED)
    assert reconciled([live], [cel(**ANSWERED | {"arrived": 10})], WATCHED) == [live]


def test_a_call_that_rang_in_unheard_is_added():
    (found,) = reconciled([], [cel(arrived=42, ended_at=48, outcome=Outcome.LEFT_MENU)], WATCHED)
    assert (found.arrived_at, found.quality) == (at(42), Quality.CEL)


def test_what_a_source_saw_to_be_no_call_is_none_unless_it_was_heard_to_be_one():
    none = replace(cel(arrived=30, ended_at=60), no_call=True)
    heard = record(ended_at=60, outcome=Outcome.LEFT_MENU)
    found = replace(heard, quality=Quality.RESUMED, steps=(Step(at(45), FOUND),))
    by_cdr = Account(Quality.CDR, replace(record(ended_at=60), quality=Quality.CDR), SECOND - 1)
    for told in ([none], [by_cdr, none]):
        assert reconciled([found], told, WATCHED) == []
        assert [each.outcome for each in reconciled([heard], told, WATCHED)] == [Outcome.LEFT_MENU]
    assert reconciled([], [replace(none, record=replace(none.record, arrived_at=at(42)))], WATCHED) == []
    assert len(reconciled([found], [none, cel(ended_at=60, outcome=Outcome.LEFT_MENU)], WATCHED)) == 1


def test_a_call_that_must_have_been_heard_and_was_not_is_no_call():
    assert reconciled([], [cel(arrived=20, ended_at=60, outcome=Outcome.LEFT_MENU)], WATCHED) == []


def test_who_only_waited_in_a_queue_may_be_a_caseworker():
    assert reconciled([], [queue_log(arrived=42, asked_at=42, ended_at=44, outcome=Outcome.ABANDONED)], WATCHED) == []


def test_the_same_id_an_hour_later_is_another_call():
    later = replace(record(arrived=3700, ended_at=3710, outcome=Outcome.LEFT_MENU), quality=Quality.CEL)
    found = reconciled([LOST], [Account(Quality.CEL, later)], WATCHED)
    assert [each.arrived_at for each in found] == [at(30), at(3700)]


def test_the_end_of_a_talk_that_went_through_the_gap_is_taken_from_the_source():
    live = record(asked_at=32, answered_at=35, talking_at=35, ended_at=40, ended_by=EndedBy.PBX,
                  outcome=Outcome.ANSWERED)
    (found,) = reconciled([live], [cel(asked_at=32, answered_at=35.001, ended_at=47, ended_by=EndedBy.MEMBER,
                                       outcome=Outcome.ANSWERED)], WATCHED)
    assert (found.answered_at, found.ended_at, found.ended_by) == (at(35), at(47), EndedBy.MEMBER)


def test_who_was_heard_first_after_a_gap_may_have_fetched_what_was_parked_in_it():
    live = record(arrived=41.7, asked_at=55, answered_between=(at(41.7), at(55.5)), talking_at=55, ended_at=60,
                  outcome=Outcome.ANSWERED, quality=Quality.RESUMED, steps=(Step(at(50), FOUND),))
    fetched = Transfer(TransferKind.PARK, at(55.01), "PJSIP/106", at(55.01))
    told = cel(arrived=42, asked_at=42, answered_at=44, talking_at=44, ended_at=60, outcome=Outcome.ANSWERED,
               transfers=(fetched,), steps=(Step(at(48), "parked"),))
    (found,) = reconciled([live], [told], WATCHED)
    assert (found.answered_at, found.transfers) == (at(44), (fetched,))


def test_a_parking_that_queue_log_calls_a_transfer_is_none():
    transfer = Transfer(TransferKind.BLIND, at(47), "700")
    told = [cel(**ANSWERED, steps=(Step(at(47.9), "parked", "701"),)), queue_log(arrived=32, transfers=(transfer,))]
    for live in ([LOST], []):
        (found,) = reconciled(live, told if live else [replace(each, record=replace(each.record, arrived_at=at(42)))
                                                       for each in told], WATCHED)
        assert (found.outcome, found.transfers) == (Outcome.ANSWERED, ())


def test_a_hang_up_that_was_heard_of_a_call_whose_answer_was_not_stays_when_it_was():
    live = record(asked_at=32, ended_at=55.9, ended_by=EndedBy.MEMBER, outcome=Outcome.LOST)
    (found,) = reconciled([live], [cel(SECOND - 1, **ANSWERED | {"ended_at": 55, "answered_at": 45})], WATCHED)
    assert (found.ended_at, found.ended_by, found.outcome) == (at(55.9), EndedBy.MEMBER, Outcome.ANSWERED)
    assert "ended_at" not in found.whole_seconds


def test_a_hand_over_in_the_gap_is_added_and_one_that_was_heard_is_not_told_twice():
    heard, unheard = (Transfer(TransferKind.BLIND, at(each), "203") for each in (36, 44))
    live = record(**ANSWERED | {"answered_at": 35.0, "talking_at": 35.0}, transfers=(heard,))
    told = cel(**ANSWERED | {"answered_at": 35.0}, transfers=(replace(heard, at=at(36.001)), unheard))
    (found,) = reconciled([live], [told], WATCHED)
    assert found.transfers == (heard, unheard)


def test_a_hand_over_that_was_heard_of_a_call_whose_answer_was_not_is_added():
    live = record(asked_at=32, ended_at=70, outcome=Outcome.VOICEMAIL)
    told = Transfer(TransferKind.ATTENDED, at(55), "107")
    (found,) = reconciled([live], [cel(**ANSWERED | {"ended_at": 70}, transfers=(told,))], WATCHED)
    assert (found.outcome, found.transfers) == (Outcome.ANSWERED, (told,))


def test_a_talk_that_ended_for_the_queue_is_not_the_end_of_a_call_that_was_heard_to_go_on():
    live = record(asked_at=32, answered_at=33, ended_at=40, outcome=Outcome.ANSWERED)
    told = queue_log(arrived=32, asked_at=32, ended_at=38, outcome=Outcome.ANSWERED, ended_by=EndedBy.DESK)
    (found,) = reconciled([live], [told], WATCHED)
    assert found.ended_at == at(40)
    by_cdr = Account(Quality.CDR, replace(record(ended_at=47), quality=Quality.CDR), SECOND - 1)
    (found,) = reconciled([live], [told, by_cdr], WATCHED)
    assert found.ended_at == at(47)


def test_whether_a_talk_in_a_gap_was_handed_over_only_cel_can_tell():
    live = record(asked_at=32, answered_at=33, ended_at=40, outcome=Outcome.ANSWERED, steps=(Step(at(40), UNHEARD),))
    ended = {"ended_at": 47, "outcome": Outcome.ANSWERED}
    for told, untold in ([], True), ([queue_log(arrived=32, **ended)], True), ([cel(answered_at=33, **ended)], False):
        (found,) = reconciled([live], told, WATCHED)
        assert found.transfer_untold is untold
    before = replace(live, steps=(Step(at(31), UNHEARD, "1.5"),))
    assert not before.transfer_untold


def test_a_second_source_names_the_queue():
    told = [cel(**ANSWERED), queue_log(arrived=42, queues=("dagpenge",), steps=(Step(at(42), "queue", "dagpenge"),))]
    (found,) = reconciled([LOST], told, WATCHED)
    assert found.queues == ("dagpenge",)


def test_a_gap_inside_another_is_no_more_than_it():
    spans = unwatched([(at(40), at(50)), (at(45), at(48)), (at(90), None)], 0, at(100))
    assert [(since, until) for since, until in spans if since > 0] == [(at(40), at(50)), spans[-1]]


def test_the_line_is_taken_from_a_source_of_whole_seconds_where_the_list_did_not_tell():
    found = record(arrived=48, quality=Quality.RESUMED, steps=(Step(at(50), FOUND),))
    (told,) = reconciled([found], [cel(SECOND - 1, arrived=48, line="Dagpenge", dialled="70200110")], WATCHED)
    assert (told.arrived_at, told.line, told.dialled) == (at(48), "Dagpenge", "70200110")


def test_a_pick_up_that_was_heard_before_the_gap_counts_though_they_came_together_within_it():
    live = record(asked_at=32, ended_at=60, outcome=Outcome.ABANDONED)
    (found,) = reconciled([live], [cel(**ANSWERED | {"answered_at": 39.2, "talking_at": 40.2})], WATCHED)
    assert (found.outcome, found.answered_at) == (Outcome.ANSWERED, at(39.2))


def test_a_queue_that_a_list_told_of_after_the_gap_is_no_second_one():
    live = record(asked_at=50, queues=("dagpenge",))
    (found,) = reconciled([live], [queue_log(arrived=42, asked_at=42, queues=("dagpenge", "overløb"), steps=(
        Step(at(42), "queue", "dagpenge"), Step(at(47), "queue", "overløb")))], WATCHED)
    assert found.queues == ("dagpenge", "overløb")


def test_a_moment_in_whole_seconds_is_not_before_the_gap_and_says_that_it_is_rough():
    heard = unwatched([(at(42.5), at(50))], 0, at(100))
    live = record(ended_at=42.5, outcome=Outcome.LOST)
    (found,) = reconciled([live], [queue_log(arrived=42, asked_at=42, ended_at=48, outcome=Outcome.ABANDONED)], heard)
    assert (found.asked_at, found.ended_at) == (at(42.5), at(48))
    assert found.whole_seconds == {"asked_at", "ended_at"}
    (exactly,) = reconciled([live], [cel(asked_at=42.7, ended_at=48, outcome=Outcome.ABANDONED)], heard)
    assert (exactly.asked_at, exactly.whole_seconds) == (at(42.7), frozenset())


def test_an_ask_that_was_heard_is_not_told_better_by_whole_seconds():
    live = record(arrived=49, asked_at=52.3, quality=Quality.RESUMED, steps=(Step(at(50), FOUND),))
    (found,) = reconciled([live], [queue_log(arrived=52, asked_at=52)], WATCHED)
    assert (found.asked_at, found.whole_seconds) == (at(52.3), frozenset())


def test_a_hand_over_that_was_concluded_from_who_was_there_after_the_gap_is_the_one_that_a_source_tells():
    concluded = Transfer(TransferKind.CONFERENCE, at(50), "PJSIP/114")
    live = record(**ANSWERED | {"answered_at": 35.0, "talking_at": 35.0}, transfers=(concluded,))
    told = Transfer(TransferKind.ATTENDED, at(44), "114")
    (found,) = reconciled([live], [cel(**ANSWERED | {"answered_at": 35.0}, transfers=(told,))], WATCHED)
    assert found.transfers == (told,)


# -- whatever they say

moments = st.one_of(st.none(), st.integers(at(20), at(70)), st.sampled_from([at(each) for each in range(25, 65, 5)]))


@st.composite
def records(draw):
    arrived_at = draw(st.sampled_from([at(30), at(30.4), at(42), at(45), at(4000)]))
    later = sorted(each for each in draw(st.lists(moments, min_size=4, max_size=4)) if each is not None)
    later = [max(each, arrived_at) for each in later] + [None] * (4 - len(later))
    asked_at, answered_at, talking_at, ended_at = later
    answered = draw(st.booleans()) and answered_at is not None
    between = draw(st.booleans()) and answered and talking_at is not None
    unanswered = [None] if ended_at is None else [
        Outcome.LOST, Outcome.ABANDONED, Outcome.VOICEMAIL, Outcome.LEFT_MENU]
    queues = draw(st.lists(st.sampled_from(["dagpenge", "efterløn"]), max_size=2))
    transfers = draw(st.lists(st.builds(Transfer, st.sampled_from(TransferKind), st.integers(at(40), at(60)),
                                        st.sampled_from(["201", None])), max_size=2)) if answered else []
    transfers.sort(key=lambda each: each.at)
    return CallRecord(
        CallId(f"pbx1/pbx1-{draw(st.sampled_from('12'))}.1"), "pbx1", arrived_at, asked_at=asked_at,
        answered_at=answered_at if answered and not between else None,
        answered_between=(answered_at, talking_at) if between else None,
        talking_at=talking_at if answered else None, ended_at=ended_at,
        outcome=Outcome.ANSWERED if answered else draw(st.sampled_from(unanswered)),
        ended_by=draw(st.sampled_from([None, *EndedBy])) if ended_at else None, queues=tuple(queues),
        steps=tuple(Step(asked_at or arrived_at, "queue", queue) for queue in queues), transfers=tuple(transfers),
        desks=("PJSIP/101",) if answered else (), quality=draw(st.sampled_from([Quality.LIVE, Quality.RESUMED])))


@st.composite
def account_of(draw):
    source = draw(st.sampled_from([Quality.CEL, Quality.QUEUE_LOG, Quality.CDR]))
    slack = SECOND - 1 if source is not Quality.CEL else draw(st.sampled_from([0, SECOND - 1]))
    told = draw(records())
    if source is not Quality.CEL:
        told = replace(told, outcome=draw(st.sampled_from([told.outcome, None])))
    return Account(source, replace(told, quality=source), slack, draw(st.booleans()) or source is Quality.CEL)


lives = st.lists(records(), max_size=3, unique_by=lambda each: (each.call, each.arrived_at // at(1000)))
stretches = st.lists(st.tuples(st.integers(at(20), at(45)), st.integers(at(45), at(70))), max_size=2)
told = st.lists(account_of(), max_size=6)


@settings(deadline=None)
@given(lives, told, stretches, st.randoms())
def test_all_orders_and_every_telling_twice_give_the_same_rows(live, accounts, gaps, chance):
    spans = unwatched(gaps, 0, at(5000))
    twice = accounts * 2
    chance.shuffle(twice)
    assert reconciled(live, twice, spans) == reconciled(live, accounts, spans)
    assert reconciled(chance.sample(live, len(live)), accounts, spans) == reconciled(live, accounts, spans)


@settings(deadline=None)
@given(lives, told, stretches)
def test_nothing_that_was_heard_changes_and_nothing_contradicts_itself(live, accounts, gaps):
    spans = unwatched(gaps, 0, at(5000))
    found = reconciled(live, accounts, spans)
    assert all(each in found for each in live if not touched(each, spans))
    assert len({(each.call, each.arrived_at // at(1000)) for each in found}) == len(found)
    for each in found:
        low, high = each.answer_bounds or (None, None)
        assert low is None or high is None or 0 <= low <= high
        assert (each.answer_bounds is not None) == (each.outcome is Outcome.ANSWERED)
        assert (each.ended_at or each.arrived_at) >= each.arrived_at
        assert each.ended_at is None or each.outcome is not None


@settings(deadline=None)
@given(lives, stretches)
def test_without_sources_nothing_is_known_that_was_not_heard(live, gaps):
    found = reconciled(live, [], unwatched(gaps, 0, at(5000)))
    assert found == sorted(live, key=lambda each: (each.arrived_at, each.call))


@settings(deadline=None)
@given(records(), stretches)
def test_a_source_that_tells_what_was_heard_changes_nothing_that_counts(live, gaps):
    live = replace(live, quality=Quality.LIVE, answered_at=live.answered_at or (live.answered_between or (None,))[0],
                   answered_between=None)
    same = Account(Quality.CEL, replace(live, quality=Quality.CEL))
    (found,) = reconciled([live], [same], unwatched(gaps, 0, at(5000)))
    assert replace(found, quality=Quality.LIVE) == live


