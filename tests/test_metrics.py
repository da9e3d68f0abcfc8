"""The metrics page: names, labels and totals as promised, readable by Prometheus' own parsers."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from slmon import metrics
from slmon.core import facts as f
from slmon.core.facts import CallId, DeskState, EndedBy, Outcome, Place, Quality, TransferKind, Verdict
from slmon.core.goals import Goal, Goals
from slmon.core.hours import Hours, Schedule, week
from slmon.core.instant import SECOND, Instant, of_seconds
from slmon.core.scoreboard import Scoreboard
from slmon.core.site import Group
from slmon.metrics import MOST_CHILDREN, Labels, Metrics

MONDAY_TEN = 1_795_424_400 * SECOND
HOURS = Hours([Schedule(week({day: [(540, 900)] for day in range(5)}))])
LABELS = Labels(("pbx1", "pbx2"), ("Hovednummer", "Direkte"), ("dagpenge", "medlem"))
CALL = CallId("pbx1/1.0")


class House:
    """A scoreboard and its metrics page, with a clock to set."""

    def __init__(self, labels: Labels = LABELS, goal: Goal | None = None, groups: tuple[Group, ...] = (),
                 minimum_group: int = 1, **readings: Any) -> None:
        goals = Goals([(date.min, goal or Goal())], HOURS.day_of)
        self.now = MONDAY_TEN
        self.board = Scoreboard(HOURS, goals, groups, labels.pbxes, minimum_group)
        self.metrics = Metrics(self.board, HOURS, goals, labels, lambda: self.now, "1.2.3", **readings)

    def told(self, *facts: f.Fact) -> "House":
        for fact in facts:
            self.board.record(fact)
        return self

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        text = self.metrics.render()[0].decode()
        return {(each.name, frozenset(each.labels.items())): each.value
                for family in text_string_to_metric_families(text) for each in family.samples}

    def value(self, name: str, **labels: str) -> float | None:
        return self.samples().get((name, frozenset(labels.items())))

    def sum(self, name: str, **labels: str) -> float:
        return sum(value for (each, its), value in self.samples().items()
                   if each == name and labels.items() <= dict(its).items())


def arrived(call: CallId = CALL, line: str | None = "Hovednummer", at: Instant = MONDAY_TEN, in_hours: bool = True,
            excluded: str | None = None) -> f.CallArrived:
    return f.CallArrived(call, at, line, in_hours, excluded)


def answered(seconds: float, call: CallId = CALL) -> f.CallAnswered:
    at = MONDAY_TEN + of_seconds(seconds)
    return f.CallAnswered(call, at, at, (seconds, seconds))


def ended(outcome: Outcome, call: CallId = CALL) -> f.CallEnded:
    return f.CallEnded(call, MONDAY_TEN, outcome, f.CallRecord(call, "pbx1", MONDAY_TEN, ended_by=EndedBy.MEMBER,
                                                               quality=Quality.LIVE))


HOVED = {"pbx": "pbx1", "line": "Hovednummer", "queue": ""}
DAGPENGE = {**HOVED, "queue": "dagpenge"}


def test_every_name_of_the_contract_is_there_at_nought_before_any_call():
    samples = House().samples()
    at_nought = {
        "slmon_calls_total": {"outcome": "abandoned"}, "slmon_calls_judged_total": {"verdict": "undecided"},
        "slmon_calls_offered_total": {}, "slmon_calls_answered_total": {}, "slmon_calls_transferred_total": {},
        "slmon_transfers_total": {"kind": "park"}, "slmon_calls_unaccounted_total": {"reason": "lost"},
        "slmon_answer_seconds_count": {}, "slmon_answer_seconds_sum": {}, "slmon_answer_seconds_bucket": {"le": "20.0"},
        "slmon_waiting_calls": {}, "slmon_longest_wait_seconds": {}, "slmon_talking_calls": {},
    }
    for name, labels in at_nought.items():
        for line, queue in (("Hovednummer", ""), ("Direkte", "dagpenge"), ("", ""), ("", "_other")):
            child = {"pbx": "pbx2", "line": line, "queue": queue, **labels}
            assert samples[name, frozenset(child.items())] == 0
    for name in ("up", "last_event_timestamp_seconds", "gap_seconds_total", "reconnects_total"):
        assert samples[f"slmon_pbx_{name}", frozenset({("pbx", "pbx2")})] == 0
    assert samples["slmon_pbx_oddities_total", frozenset({("pbx", "pbx2"), ("kind", "unannounced_leg")})] == 0
    assert samples["slmon_event_lag_seconds", frozenset({("pbx", "pbx1")})] == 0
    assert samples["slmon_store_pending", frozenset()] == 0


def test_every_kind_that_the_core_can_tell_has_a_child_at_nought():
    source = "".join(path.read_text(encoding="utf-8") for path in (Path(metrics.__file__).parent / "core").glob("*.py"))
    daemons_own = {"not_understood"}
    assert set(re.findall(r'_odd\("(\w+)"', source)) | daemons_own == set(metrics.ODDITIES)
    assert set(re.findall(r'CallUnaccounted\(.*"(\w+)"\)', source)) == set(metrics.UNACCOUNTED_REASONS)


def test_a_call_is_counted_once_under_each_name():
    house = House().told(
        arrived(), f.CallQueued(CALL, MONDAY_TEN, "dagpenge"), answered(7), f.CallJudged(CALL, MONDAY_TEN, Verdict.MET),
        f.CallTransferred(CALL, MONDAY_TEN, TransferKind.BLIND, True),
        f.CallTransferred(CALL, MONDAY_TEN, TransferKind.PARK, False), ended(Outcome.ANSWERED))
    assert house.value("slmon_calls_total", **DAGPENGE, outcome="answered") == 1
    assert house.value("slmon_calls_judged_total", **DAGPENGE, verdict="met") == 1
    assert house.value("slmon_calls_offered_total", **DAGPENGE) == 1
    assert house.value("slmon_calls_answered_total", **DAGPENGE) == 1
    assert house.value("slmon_calls_transferred_total", **DAGPENGE) == 1
    assert house.value("slmon_transfers_total", **DAGPENGE, kind="park") == 1
    assert house.value("slmon_answer_seconds_sum", **DAGPENGE) == 7
    for name in ("slmon_calls_total", "slmon_calls_offered_total", "slmon_calls_transferred_total"):
        assert house.sum(name) == 1
    assert house.sum("slmon_transfers_total") == 2


@pytest.mark.parametrize(("verdict", "offered"), [(Verdict.MET, 1), (Verdict.MISSED, 1), (Verdict.UNDECIDED, 0)])
def test_offered_is_met_and_missed(verdict: Verdict, offered: int):
    house = House().told(arrived(), f.CallJudged(CALL, MONDAY_TEN, verdict))
    assert (house.sum("slmon_calls_offered_total"), house.sum("slmon_calls_judged_total")) == (offered, 1)


@pytest.mark.parametrize(("seconds", "within"), [(17.5, 1), (17.500001, 0)])
def test_a_bucket_ends_exactly_at_the_target(seconds: float, within: int):
    house = House(goal=Goal(answer_seconds=17.5)).told(arrived(), answered(seconds))
    assert house.value("slmon_answer_seconds_bucket", **HOVED, le="17.5") == within
    assert house.value("slmon_answer_seconds_bucket", **HOVED, le="+Inf") == 1
    assert house.value("slmon_answer_seconds_count", **HOVED) == 1


def test_names_that_are_not_configured_are_other_and_keep_the_sums():
    strange = "pbx1/2.0"
    house = House().told(arrived(), f.CallQueued(CALL, MONDAY_TEN, "direkte-annes-telefon"), ended(Outcome.LOST),
                         arrived(CallId(strange), line="70210115"), ended(Outcome.ABANDONED, CallId(strange)))
    assert house.value("slmon_calls_total", **{**HOVED, "queue": "_other"}, outcome="lost") == 1
    assert house.value("slmon_calls_total", **{**HOVED, "line": "_other"}, outcome="abandoned") == 1
    assert "annes" not in house.metrics.render()[0].decode()
    assert "70210115" not in house.metrics.render()[0].decode()


def test_answer_times_of_other_queues_are_added_up():
    house = House()
    for number, queue in enumerate(("x", "y", "x")):
        call = CallId(f"pbx1/{number}.0")
        house.told(arrived(call), f.CallQueued(call, MONDAY_TEN, queue), answered(4, call))
    assert house.value("slmon_answer_seconds_count", **{**HOVED, "queue": "_other"}) == 3
    assert house.value("slmon_answer_seconds_sum", **{**HOVED, "queue": "_other"}) == 12


def test_without_configured_lines_every_number_is_other():
    house = House(Labels(("pbx1",)))
    assert house.value("slmon_calls_offered_total", pbx="pbx1", line="_other", queue="") == 0


def test_many_lines_and_queues_make_children_only_as_they_are_used():
    many = Labels(("pbx1",), tuple(f"line{n}" for n in range(40)), tuple(f"queue{n}" for n in range(40)))
    assert len(many.from_the_start()) == 41 <= MOST_CHILDREN
    house = House(many)
    pair = {"pbx": "pbx1", "line": "line7", "queue": "queue7"}
    assert house.value("slmon_calls_offered_total", **pair) is None
    house.told(arrived(line="line7"), f.CallQueued(CALL, MONDAY_TEN, "queue7"))
    assert house.value("slmon_calls_offered_total", **pair) == 0        # before it can be 1


def test_a_restored_member_who_waits_is_shown_even_where_children_are_made_as_they_are_used():
    house = House(Labels(("pbx1",), tuple(f"line{n}" for n in range(40)), tuple(f"queue{n}" for n in range(40))))
    house.board.restore(f.CallRecord(CALL, "pbx1", MONDAY_TEN, line="line7", queues=("queue7",), asked_at=MONDAY_TEN),
                        house.now)
    assert house.value("slmon_waiting_calls", pbx="pbx1", line="line7", queue="queue7") == 1


def test_excluded_calls_are_nowhere():
    house = House().told(arrived(excluded="test"), answered(3), ended(Outcome.ANSWERED))
    assert house.sum("slmon_calls_total") == house.sum("slmon_calls_answered_total") == 0


def test_who_waits_and_talks_is_read_at_the_scrape():
    other = CallId("pbx1/2.0")
    house = House().told(arrived(), f.CallMoved(CALL, MONDAY_TEN, Place.WAITING),
                         arrived(other, at=MONDAY_TEN + 3 * SECOND), f.CallMoved(other, MONDAY_TEN, Place.WAITING))
    house.now = MONDAY_TEN + 17 * SECOND
    assert house.value("slmon_waiting_calls", **HOVED) == 2
    assert house.value("slmon_longest_wait_seconds", **HOVED) == 17
    house.told(f.CallMoved(CALL, house.now, Place.TALKING))
    assert house.value("slmon_talking_calls", **HOVED) == 1
    assert house.value("slmon_longest_wait_seconds", **HOVED) == 14
    house.told(f.CallMoved(CALL, house.now, Place.GONE), f.CallMoved(other, house.now, Place.GONE))
    assert house.sum("slmon_waiting_calls") == house.sum("slmon_talking_calls") == 0


def test_desks_are_counted_by_group_and_never_named():
    house = House(groups=(Group("Odense", ("PJSIP/10X",)), Group("Aarhus", ("PJSIP/20X",))), minimum_group=2)
    for desk in ("PJSIP/101", "PJSIP/102", "PJSIP/201"):
        house.told(f.DeskChanged("pbx1", desk, MONDAY_TEN, DeskState.BUSY, frozenset()))
    assert house.value("slmon_desks", group="Odense", state="busy") == 2
    assert house.value("slmon_desks", group="Odense", state="free") == 0
    assert house.value("slmon_desks", group="Aarhus", state="busy") is None      # one desk is one person
    assert "PJSIP" not in house.metrics.render()[0].decode()


def test_goals_and_opening_are_data():
    house = House(goal=Goal(30, 0.9, 0.05, 0.2))
    assert house.value("slmon_open") == 1
    assert (house.value("slmon_goal_answer_seconds"), house.value("slmon_goal_answer_share")) == (30, 0.9)
    assert house.value("slmon_goal_transfer_share", bound="good") == 0.05
    assert house.value("slmon_goal_transfer_share", bound="ceiling") == 0.2
    house.now += 5 * 3600 * SECOND
    assert house.value("slmon_open") == 0


def test_the_flow_of_data_is_shown():
    house = House(store_pending=lambda: 3, event_lag_seconds=lambda pbx: 0.25)
    house.board.link_changed("pbx1", MONDAY_TEN, True)
    house.board.heard("pbx1", MONDAY_TEN + SECOND // 2)
    house.told(f.GapMarked("pbx2", MONDAY_TEN, None, "cut"), f.OddityNoticed("pbx1", MONDAY_TEN, "clock_stepped"))
    house.now += 4 * SECOND
    assert (house.value("slmon_pbx_up", pbx="pbx1"), house.value("slmon_pbx_up", pbx="pbx2")) == (1, 0)
    assert house.value("slmon_pbx_last_event_timestamp_seconds", pbx="pbx1") == MONDAY_TEN / SECOND + 0.5
    assert house.value("slmon_pbx_gap_seconds_total", pbx="pbx2") == 4
    assert house.value("slmon_pbx_oddities_total", pbx="pbx1", kind="clock_stepped") == 1
    assert (house.value("slmon_store_pending"), house.value("slmon_event_lag_seconds", pbx="pbx1")) == (3, 0.25)
    assert house.sum("slmon_build_info", version="1.2.3") == 1


def test_what_is_told_again_after_a_restart_is_in_no_counter():
    house = House()
    house.board.restore(f.CallRecord(CALL, "pbx1", MONDAY_TEN, line="Direkte", asked_at=MONDAY_TEN,
                                     answered_at=MONDAY_TEN + SECOND, ended_at=MONDAY_TEN + 9 * SECOND,
                                     outcome=Outcome.ANSWERED), house.now)
    assert house.sum("slmon_calls_total") == house.sum("slmon_calls_offered_total") == 0


def test_counters_never_go_down_when_a_call_moves_on():
    house, before = House(), {}
    for fact in (arrived(), f.CallJudged(CALL, MONDAY_TEN, Verdict.MISSED), f.CallQueued(CALL, MONDAY_TEN, "medlem"),
                 answered(31), ended(Outcome.ANSWERED), ended(Outcome.ANSWERED)):
        after = {key: value for key, value in house.told(fact).samples().items()
                 if key[0].startswith("slmon_") and key[0].endswith(("_total", "_bucket", "_count", "_sum"))}
        assert all(after[key] >= value for key, value in before.items())
        before = after
    assert house.value("slmon_calls_judged_total", **HOVED, verdict="missed") == 1


def test_a_hostile_name_stays_inside_its_label():
    queue = 'a"} 1\nslmon_calls_total 7\\'
    house = House(Labels(("pbx1",), (), (queue,))).told(arrived(line=None), f.CallQueued(CALL, MONDAY_TEN, queue))
    assert house.value("slmon_calls_offered_total", pbx="pbx1", line="", queue=queue) == 0
    assert house.value("slmon_calls_total") is None


def test_openmetrics_is_spoken_to_who_asks_for_it():
    house = House().told(arrived(), answered(3))
    page, content_type = house.metrics.render("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text")
    families = list(openmetrics_parser.text_string_to_metric_families(page.decode()))
    assert "slmon_calls_offered" in {family.name for family in families}
    assert house.metrics.render()[1].startswith("text/plain")


@pytest.mark.parametrize("accept", ["", "*/*", "text/html", "application/openmetrics-text;version=x", ";;,,"])
def test_any_accept_header_gets_a_page(accept: str):
    page, content_type = House().metrics.render(accept)
    assert b"slmon_calls_total" in page
    assert content_type.split(";")[0] in {"text/plain", "application/openmetrics-text"}
