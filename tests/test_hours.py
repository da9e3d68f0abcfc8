"""Opening hours: the calendar of a house with Danish holidays, exceptions and two changes of clock a year."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmon.core.hours import HALF_HOUR, Hours, Phase, Schedule, is_country, week
from slmon.core.instant import SECOND, Instant, from_datetime

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
HOUR = 3600 * SECOND
NINE_TO_THREE = week({day: [(540, 900)] for day in range(5)})
HOUSE = Schedule(NINE_TO_THREE, holidays="DK")


def at(text: str, fold: int = 0) -> Instant:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=COPENHAGEN, fold=fold))


def hours(*schedules: Schedule, language: str = "da") -> Hours:
    return Hours(schedules or (HOUSE,), language=language)


@pytest.mark.parametrize(("moment", "is_open"), [
    ("2026-11-23T08:59:59.999999", False),
    ("2026-11-23T09:00:00", True),
    ("2026-11-23T14:59:59.999999", True),
    ("2026-11-23T15:00:00", False),
    ("2026-11-22T10:00:00", False),                      # a Sunday
    ("2026-12-25T10:00:00", False),                      # Christmas Day, a Friday
])
def test_hours_hold_from_the_first_instant_up_to_the_last(moment: str, is_open: bool):
    assert hours().is_open(at(moment)) is is_open


def test_without_hours_the_phones_are_always_open():
    opening = Hours().opening(at("2026-12-25T03:00"))
    assert (opening.phase, opening.opens_at, opening.closes_at) == (Phase.OPEN, None, None)
    assert opening.hours_today == ((at("2026-12-25T00:00"), at("2026-12-26T00:00")),)


def test_a_day_may_have_several_spans_and_last_until_midnight():
    house = hours(Schedule(week({0: [(540, 720), (1200, 1440)], 1: [(0, 60)]})))
    assert house.spans(date(2026, 11, 23)) == ((at("2026-11-23T09:00"), at("2026-11-23T12:00")),
                                               (at("2026-11-23T20:00"), at("2026-11-24T00:00")))
    assert house.opening(at("2026-11-23T21:00")).closes_at == at("2026-11-24T01:00")


def test_touching_and_overlapping_spans_are_one():
    house = hours(Schedule(week({0: [(660, 900), (540, 720), (700, 710), (900, 960)]})))
    assert house.spans(date(2026, 11, 23)) == ((at("2026-11-23T09:00"), at("2026-11-23T16:00")),)


@pytest.mark.parametrize(("day", "name"), [
    (date(2023, 5, 5), "Store bededag"),
    (date(2024, 4, 26), None),                           # abolished from 2024
    (date(2026, 4, 2), "Skærtorsdag"),
    (date(2026, 6, 5), None),                            # Constitution Day is no public holiday
    (date(2026, 12, 24), None),
    (date(2026, 12, 26), "Anden juledag"),
])
def test_danish_public_holidays_have_their_danish_names(day: date, name: str | None):
    assert hours().holiday(day) == name


def test_holidays_are_named_in_the_language_of_the_site():
    assert hours(language="en").holiday(date(2026, 4, 2)) == "Maundy Thursday"


def test_a_holiday_says_its_name_and_the_next_opening_beyond_the_weekend():
    opening = hours().opening(at("2026-04-02T10:00"))    # Maundy Thursday; Monday is a holiday too
    assert (opening.phase, opening.holiday) == (Phase.HOLIDAY, "Skærtorsdag")
    assert opening.opens_at == at("2026-04-07T09:00")


@pytest.mark.parametrize(("moment", "phase"), [
    ("2026-11-23T07:59:59", Phase.CLOSED),
    ("2026-11-23T08:00:00", Phase.OPENING_SOON),
    ("2026-11-23T09:00:00", Phase.OPEN),
    ("2026-11-23T14:59:59", Phase.OPEN),
    ("2026-11-23T15:00:00", Phase.CLOSED),
    ("2026-12-25T08:30:00", Phase.HOLIDAY),
])
def test_the_phase_changes_on_the_second(moment: str, phase: Phase):
    house = hours()
    house.opening(at(moment) - SECOND)                   # an earlier answer is not kept too long
    assert house.opening(at(moment)).phase is phase


def test_friday_afternoon_looks_to_monday_morning():
    assert hours().opening(at("2026-11-20T15:00")).opens_at == at("2026-11-23T09:00")


def test_a_house_that_never_opens_knows_no_next_opening():
    assert hours(Schedule(week({}))).opening(at("2026-11-20T15:00")).opens_at is None


def test_an_extra_open_date_wins_over_holiday_and_closed_date():
    day = date(2026, 12, 25)
    house = hours(Schedule(NINE_TO_THREE, holidays="DK", closed=frozenset({day}), open={day: ((600, 720),)}))
    assert house.spans(day) == ((at("2026-12-25T10:00"), at("2026-12-25T12:00")),)
    assert house.opening(at("2026-12-25T13:00")).phase is Phase.CLOSED


def test_a_closed_date_is_closed_and_no_holiday():
    house = hours(Schedule(NINE_TO_THREE, closed=frozenset({date(2026, 12, 24)})))
    assert house.opening(at("2026-12-24T10:00")).phase is Phase.CLOSED


def test_each_day_has_the_hours_that_held_then():
    house = hours(HOUSE, Schedule(week({4: [(480, 960)]}), since=date(2027, 1, 1)))
    assert not house.is_open(at("2026-12-18T08:30"))
    assert house.is_open(at("2027-01-08T08:30"))
    assert not house.is_open(at("2027-01-07T10:00"))


@pytest.mark.parametrize(("day", "length"), [
    (date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 23), 24)])
def test_days_have_their_own_length_when_the_clock_changes(day: date, length: int):
    house = Hours()
    ((start, end),) = house.spans(day)
    assert (end - start) // HOUR == length
    assert len(house.half_hours(day)) == 2 * length
    other_days = hours(Schedule(week({each: [(0, 1440)] for each in range(7) if each != day.weekday()})))
    assert [other_days.is_open(moment) for moment in (start - 1, start, end - 1, end)] == [True, False, False, True]


def test_nine_o_clock_is_nine_o_clock_before_and_after_the_change():
    house = hours(Schedule(week({day: [(540, 900)] for day in range(7)})))
    for day in ("2026-03-28", "2026-03-29", "2026-10-25"):
        assert house.spans(date.fromisoformat(day)) == ((at(f"{day}T09:00"), at(f"{day}T15:00")),)


def test_a_span_in_the_skipped_hour_does_not_exist_and_one_across_it_opens_at_the_jump():
    house = hours(Schedule(week({6: [(125, 145), (150, 300)]})))
    jump = at("2026-03-29T03:00")
    assert house.spans(date(2026, 3, 29)) == ((jump, at("2026-03-29T05:00")),)


def test_both_showings_of_the_repeated_hour_are_of_the_same_day_and_open():
    house = hours(Schedule(week({6: [(60, 240)]})))
    assert house.is_open(at("2026-10-25T02:30"))
    assert house.is_open(at("2026-10-25T02:30", fold=1))
    assert not house.is_open(at("2026-10-25T04:00"))
    assert house.half_hour(at("2026-10-25T02:40", fold=1)) == at("2026-10-25T02:30", fold=1)


def test_half_hours_cover_the_opening_hours_and_no_more():
    halves = hours().half_hours(date(2026, 11, 23))
    assert (halves[0], halves[-1], len(halves)) == (at("2026-11-23T09:00"), at("2026-11-23T14:30"), 12)
    assert hours().half_hours(date(2026, 11, 22)) == ()


def test_a_day_that_opens_at_a_quarter_past_begins_with_the_half_hour_around_it():
    house = hours(Schedule(week({0: [(555, 605)]})))
    assert house.half_hours(date(2026, 11, 23)) == (at("2026-11-23T09:00"), at("2026-11-23T09:30"),
                                                    at("2026-11-23T10:00"))


def test_another_zone_has_other_days():
    assert Hours(timezone="Asia/Kathmandu").day_of(at("2026-11-23T20:00")) == date(2026, 11, 24)


@pytest.mark.parametrize(("code", "known"), [("DK", True), ("DE-BY", True), ("XX", False), ("DK-99", False),
                                             ("dk", False)])
def test_only_known_countries_have_holidays(code: str, known: bool):
    assert is_country(code) is known


INSTANTS = st.integers(at("2023-01-01"), at("2028-01-01"))


@given(INSTANTS)
def test_every_instant_lies_in_its_day_and_half_hour(moment: Instant):
    house = Hours()
    day = house.day_of(moment)
    assert house.midnight(day) <= moment < house.midnight(day + timedelta(days=1))
    assert 0 <= moment - house.half_hour(moment) < HALF_HOUR
    assert house.half_hour(moment) in house.half_hours(day)


@given(INSTANTS, INSTANTS)
def test_what_the_board_says_agrees_with_what_is_judged(first: Instant, second: Instant):
    house = hours()
    for moment in (first, second):                       # the second answer must not be the first one's
        opening = house.opening(moment)
        assert (opening.phase is Phase.OPEN) == house.is_open(moment)
        if opening.opens_at is not None:
            assert house.is_open(opening.opens_at)
            assert not house.is_open(opening.opens_at - 1)
            assert moment < opening.opens_at
        if opening.closes_at is not None:
            assert house.is_open(opening.closes_at - 1)
            assert not house.is_open(opening.closes_at)


@given(INSTANTS)
def test_the_wall_clock_decides_whether_it_is_open(moment: Instant):
    wall = datetime.fromtimestamp(moment / SECOND, COPENHAGEN)
    house = hours(Schedule(NINE_TO_THREE))
    assert house.is_open(moment) == (wall.weekday() < 5 and 9 <= wall.hour < 15)
