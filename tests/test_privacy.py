"""What of a person may leave the house."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmon.core.facts import CallId, CallRecord, EndedBy, Outcome, Transfer, TransferKind
from slmon.core.goals import Goal
from slmon.core.instant import SECOND
from slmon.core.site import Doors, Group, Line, LineKind, Meaning
from slmon.privacy import CallerKey, call_json, json_line, national, pseudonym

KEY = CallerKey(b"0123456789abcdef", "k1")
RANG_IN = 1_795_417_130_437_929
GROUPS = (Group("Kreds Odense", ("PJSIP/10X",)), Group("Chefen", ("PJSIP/900",)))
DOORS = Doors(lines=(Line("70200100", "Hovednummer"), Line("702021XX", "Direkte", LineKind.DIRECT)),
              meanings={"vm": Meaning.VOICEMAIL}, trunks=("PJSIP/trunk",))


def call(**known: object) -> CallRecord:
    fields: dict[str, object] = {
        "call": CallId("pbx1/pbx1-1795417130.0"), "pbx": "pbx1", "arrived_at": RANG_IN, "line": "Direkte",
        "dialled": "70202142", "caller": KEY.pseudonym("12345678"), "asked_at": RANG_IN + SECOND,
        "queues": ("dagpenge",)}
    return CallRecord(**{**fields, **known})  # type: ignore[arg-type]


def answered(seconds: float, **known: object) -> CallRecord:
    at = RANG_IN + round(seconds * SECOND)
    return call(answered_at=at, talking_at=at + 1000, ended_at=at + 60 * SECOND, outcome=Outcome.ANSWERED,
                ended_by=EndedBy.MEMBER, desks=("PJSIP/101",), **known)


def handed_to(to: str | None) -> CallRecord:
    return answered(5, transfers=(Transfer(TransferKind.BLIND, RANG_IN + 9 * SECOND, to),))


# ---- callers -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("written", ["+4512345678", "004512345678", "4512345678", "12 34 56 78", "+45 12-34-56-78",
                                     "(+45) 12.34.56.78", "sip:+4512345678@trunk.example.org", " 12345678 "])
def test_every_writing_of_a_number_is_one_caller(written):
    assert KEY.pseudonym(written) == KEY.pseudonym("12345678")


@pytest.mark.parametrize(("written", "known"), [
    ("+46701234567", "+46701234567"), ("0046701234567", "+46701234567"), ("101", "101"), ("45123456", "45123456"),
    ("+451234", "+451234")])
def test_other_numbers_stay_apart(written, known):
    assert national(written) == known


@pytest.mark.parametrize("written", ["", "anonymous", "<unknown>", "unknown", "Anna Andersen", "0", "+", "+45x", "*"])
def test_a_withheld_number_is_nobody(written):
    assert KEY.pseudonym(written) is None


def test_a_pseudonym_names_its_key_and_shows_no_digit_of_the_number():
    assert KEY.pseudonym("12345678") == "h:k1:6c28dcba6008129cb5bf7a18bc578d19"
    assert CallerKey(b"0123456789abcdef", "k2").pseudonym("12345678") != KEY.pseudonym("12345678")
    assert CallerKey(b"fedcba9876543210", "k1").pseudonym("12345678") != KEY.pseudonym("12345678")


def test_without_a_key_nothing_is_kept():
    assert pseudonym("12345678", None) is None


def test_a_key_is_long_enough_and_shows_itself_nowhere():
    with pytest.raises(ValueError, match="16 bytes or more, this has 5"):
        CallerKey(b"short")
    assert repr(KEY) == "CallerKey(k1)"


# ---- the call as JSON --------------------------------------------------------------------------------------------

def test_a_call_has_the_contracts_keys_in_their_order():
    assert json_line(call_json(answered(4.207, transfers=(Transfer(TransferKind.BLIND, RANG_IN, None),)), Goal())) == (
        '{"call": "pbx1/pbx1-1795417130.0", "pbx": "pbx1", "line": "Direkte", "dialled": "Direkte", '
        '"caller": "h:k1:6c28dcba6008129cb5bf7a18bc578d19", "queues": ["dagpenge"], '
        '"arrived_at": "2026-11-23T06:58:50.437929+00:00", "asked_at": "2026-11-23T06:58:51.437929+00:00", '
        '"answered_at": "2026-11-23T06:58:54.644929+00:00", "talking_at": "2026-11-23T06:58:54.645929+00:00", '
        '"ended_at": "2026-11-23T06:59:54.644929+00:00", "answer_seconds": 4.207, "answer_bounds": [4.207, 4.207], '
        '"outcome": "answered", "ended_by": "member", "in_hours": true, "offered": true, "verdict": "met", '
        '"transferred": true, "transfers": [{"kind": "blind", "at": "2026-11-23T06:58:50.437929+00:00", "to": null, '
        '"answered_at": null, "ended_at": null, "counts": true}], "desks": ["desk"], "quality": "live"}\n')


@pytest.mark.parametrize(("record", "verdict", "offered"), [
    (answered(20), "met", True),
    (answered(20.000001), "missed", True),
    (call(ended_at=RANG_IN + 3 * SECOND, outcome=Outcome.ABANDONED), "missed", True),
    (call(answered_between=(RANG_IN + 10 * SECOND, None)), "undecided", False),
    (call(asked_at=None, ended_at=RANG_IN + 30 * SECOND, outcome=Outcome.LEFT_MENU), None, False),
    (answered(4, in_hours=False), None, False),
    (answered(4, excluded="test"), None, False),
    (call(), None, False),
])
def test_the_verdict_follows_from_measurements_and_goal(record, verdict, offered):
    told = call_json(record, Goal())
    assert (told["verdict"], told["offered"]) == (verdict, offered)


def test_an_open_call_is_judged_at_the_given_moment():
    assert call_json(call(), Goal(), now=RANG_IN + 21 * SECOND)["verdict"] == "missed"


def test_an_open_bound_is_unknown():
    told = call_json(call(answered_between=(None, RANG_IN + 2 * SECOND)), Goal())
    assert (told["answer_seconds"], told["answer_bounds"]) == (None, [None, 2.0])


@pytest.mark.parametrize(("to", "name"), [
    ("103", "Kreds Odense"), ("PJSIP/103", "Kreds Odense"), ("203", "desk"), ("PJSIP/203", "desk"),
    ("900", "desk"), ("PJSIP/900", "desk"),                   # a group of one is a person
    ("dagpenge", "dagpenge"), ("70202155", "Direkte"), ("vm", "voicemail"), ("PJSIP/trunk", "outside"),
    ("12345678", "XXXXXXXX"), ("+4512345678", "+XXXXXXXXXX"), ("anna.andersen", "elsewhere"), (None, None), ("", None),
])
def test_a_hand_over_goes_to_a_name_and_never_to_a_person(to, name):
    told = call_json(handed_to(to), Goal(), doors=DOORS, groups=GROUPS)
    assert told["transfers"][0]["to"] == name  # type: ignore[index]


def test_desks_leave_as_their_groups():
    assert call_json(answered(5), Goal(), groups=GROUPS)["desks"] == ["Kreds Odense"]


def test_with_person_figures_desks_and_numbers_are_as_they_are_and_callers_are_not():
    told = call_json(handed_to("203"), Goal(), person_figures=True, doors=DOORS, groups=GROUPS)
    assert (told["dialled"], told["desks"]) == ("70202142", ["PJSIP/101"])
    assert told["transfers"][0]["to"] == "203"  # type: ignore[index]
    assert str(told["caller"]).startswith("h:k1:")


def test_a_number_that_slipped_through_is_shown_only_when_asked_for():
    record = call(caller="+4512345678")
    assert call_json(record, Goal(), person_figures=True)["caller"] is None
    assert call_json(record, Goal(), caller_clear=True)["caller"] == "+4512345678"
    assert call_json(record, Goal(), caller_clear=True)["dialled"] == "70202142"


def test_an_unknown_line_is_masked():
    assert call_json(call(line=None), Goal())["dialled"] == "XXXXXXXX"
    assert call_json(call(line=None, dialled=""), Goal())["dialled"] is None


def test_bytes_that_were_no_utf8_do_not_stop_the_export():
    line = json_line(call_json(call(line="Efterl\udcf8n"), Goal()))
    assert '"line": "Efterl\\udcf8n"' in line
    line.encode("utf-8")


def test_a_name_that_ends_lines_for_some_ends_none():
    assert '"line": "a\\u2028b\\u0085c\\u007fæ"' in json_line(call_json(call(line="a\u2028b\u0085c\x7fæ"), Goal()))


@given(st.text())
def test_whatever_a_name_holds_a_call_is_one_line_that_reads_back(name):
    line = json_line(call_json(call(line=name or "x"), Goal()))
    assert line.splitlines() == [line.removesuffix("\n")]
    assert json.loads(line)["line"] == (name or "x")
