"""What the PBX's own logs tell mends what a gap left unknown, and nothing else; alone, together, in any order."""

import csv
import io
import json
import lzma
from dataclasses import replace
from datetime import UTC
from itertools import permutations

import pytest
from recorded import FOLDER, capture_files, differences, recording, replayed, unknown
from typer.testing import CliRunner

from slmon.backfill.cdr import cdr_accounts
from slmon.backfill.cel import cel_accounts, row_of
from slmon.backfill.cel_form import forms_of
from slmon.backfill.queue_log import queue_log_accounts
from slmon.backfill.sources import SourceError, Sources, gathered
from slmon.cli import app
from slmon.core.account import BEGINNING, END, unwatched
from slmon.core.facts import GapMarked, Outcome, Quality
from slmon.core.instant import SECOND
from slmon.core.reconcile import reconciled

LOGS = {"cel": "cel.csv.xz", "queue_log": "queue_log.xz", "cdr": "Master.csv.xz"}
EVERYTHING = ((BEGINNING, END),)


def heard(name, tmp_path):
    """The calls as they were heard, and the spans in which nobody listened."""
    gaps = []
    found = replayed(recording(name), tmp_path, say=lambda fact: gaps.append(fact) if type(fact) is GapMarked else None)
    last = {gap.since: gap.until for gap in gaps}
    return found, unwatched(last.items(), found.began_at, found.ended_at)


def mended(name, tmp_path, kinds, times=1):
    of = recording(name)
    found, spans = heard(name, tmp_path)
    sources = Sources(**{kind: (FOLDER / name / LOGS[kind],) * times for kind in kinds})
    told = gathered(sources, of.board(), of.config.phone_hours().is_open, of.config.site.zone, found.calls, spans)
    assert not told.unread
    return reconciled(found.calls, told.accounts, spans)


def of_cel_alone(name):
    """Every call that the CEL file tells of, with nothing else heard."""
    of = recording(name)
    lines = lzma.decompress((FOLDER / name / "cel.csv.xz").read_bytes()).splitlines(keepends=True)
    accounts = cel_accounts(lines, of.board(), lambda record: True)
    return reconciled([], accounts, EVERYTHING), accounts


@pytest.mark.parametrize("kinds", [["cel"], ["queue_log"], ["cdr"], [*LOGS]])
@pytest.mark.parametrize("name", ["restart", "reconnect"])
def test_with_the_logs_the_calls_through_a_gap_are_as_the_sip_side_saw_them(name, kinds, tmp_path):
    calls = mended(name, tmp_path, kinds)
    assert differences(recording(name).truth, calls) == []
    assert len(unknown(recording(name).truth, calls)) <= (0 if "cel" in kinds or name == "restart" else 2)


@pytest.mark.parametrize("name", ["restart", "reconnect"])
def test_a_log_given_twice_tells_no_more(name, tmp_path):
    assert mended(name, tmp_path, LOGS, times=2) == mended(name, tmp_path, LOGS)


@pytest.mark.parametrize("name", ["restart", "reconnect"])
def test_what_was_heard_stays_as_it_was_heard(name, tmp_path):
    before, spans = heard(name, tmp_path)
    after = {record.call: record for record in mended(name, tmp_path, LOGS)}
    gaps = [span for span in spans if span[0] != BEGINNING and span[1] != END]
    whole = [record for record in before.calls if not any(
        since <= (record.ended_at or END) and record.arrived_at - SECOND <= until for since, until in gaps)
        and record.ended_at not in (None, before.ended_at) and record.arrived_at > before.began_at + SECOND]
    assert len(whole) > len(before.calls) // 2
    assert all(after[record.call] == record for record in whole)


@pytest.mark.parametrize("name", ["restart", "reconnect"])
def test_cel_alone_finds_every_call_to_the_millisecond(name):
    calls, _ = of_cel_alone(name)
    assert differences(recording(name).truth, calls) == []
    assert all(record.quality is Quality.CEL for record in calls)


@pytest.mark.parametrize("name", ["smoke", "transfers", "older"])
def test_cel_of_whole_seconds_finds_every_call_within_bounds_that_hold_the_truth(name):
    calls, accounts = of_cel_alone(name)
    assert {each.slack for each in accounts} == {SECOND - 1}
    assert len(calls) == len(recording(name).truth)
    by_caller = {record.caller: record for record in calls}
    for truth in recording(name).truth:
        record = by_caller[truth.caller] if truth.caller != "anonymous" else by_caller[None]
        assert (record.dialled, record.outcome in truth.outcomes) == (truth.dialled, True), truth
        assert {each.kind for each in record.transfers if each.counts} == truth.transfers, truth
        if truth.answer is not None:
            low, high = record.answer_bounds
            assert low - 0.1 <= truth.answer[0] <= truth.answer[1] <= high + 0.1, truth
            assert high - low <= 2, truth


def test_a_call_of_whole_seconds_on_both_sides_of_the_target_is_undecided(tmp_path):
    lines = call("1795420031", "1795420051")
    board = recording("smoke").board()
    (record,) = reconciled([], cel_accounts(lines, board, lambda record: True), EVERYTHING)
    assert record.answer_bounds == (pytest.approx(19.000001), pytest.approx(20.999999))


def call(arrived, answered, ended="1795420090"):
    """Rows of a direct call to desk 101."""
    member = '"70202101","from-trunk","PJSIP/trunk-00000001"', '"pbx1-1.1","pbx1-1.1"'
    desk = '"70202101","from-internal","PJSIP/101-00000002"', '"pbx1-1.2","pbx1-1.1"'
    bridge = '"{""bridge_id"":""b"",""bridge_technology"":""simple_bridge""}"'
    rows = [("CHAN_START", arrived, member, "", ""), ("APP_START", arrived, member, "Dial", ""),
            ("CHAN_START", arrived, desk, "", ""), ("ANSWER", answered, desk, "AppDial", ""),
            ("BRIDGE_ENTER", answered, desk, "AppDial", bridge), ("BRIDGE_ENTER", answered, member, "Dial", bridge),
            ("HANGUP", ended, member, "Dial", ""), ("CHAN_END", ended, member, "Dial", ""),
            ("CHAN_END", ended, desk, "AppDial", "")]
    return [f'"{kind}","{at}","20000001",{leg[0]},"{application}",{leg[1]},"",{extra or chr(34) * 2}\n'.encode()
            for kind, at, leg, application, extra in rows]


@pytest.mark.parametrize(("extra", "outcome"), [
    ('{""hangupcause"":0,""hangupsource"":""""}', Outcome.LOST),
    ('{""hangupcause"":16,""hangupsource"":""dialplan/builtin""}', Outcome.TURNED_AWAY),
    ('{""hangupcause"":0,""hangupsource"":""PJSIP/trunk-00000001""}', Outcome.ABANDONED)])
def test_a_call_that_a_stop_of_the_switch_hung_up_was_neither_given_up_nor_turned_away(extra, outcome):
    rows = [row.decode() for row in call("1.5", "3.5", "9.5")]
    rung = [row.replace('"",""\n', f'"","{extra}"\n') if row.startswith('"HANGUP"') else row
            for row in rows if not row.startswith(('"ANSWER"', '"BRIDGE'))]
    (account,) = cel_accounts([row.encode() for row in rung], recording("smoke").board(), lambda record: True)
    assert account.record.outcome is outcome


def test_who_leaves_the_queue_at_the_last_moment_before_a_start_of_the_switch_may_have_been_hung_up_by_its_stop():
    lines = [b"100|u1|dagpenge|NONE|ENTERQUEUE||20000001|1", b"101|u2|dagpenge|NONE|ENTERQUEUE||20000002|1",
             b"110|u1|dagpenge|NONE|ABANDON|1|1|10", b"120|u2|dagpenge|NONE|ABANDON|1|1|19"]
    def outcomes(*more):
        accounts = queue_log_accounts([*lines, *more], "pbx1", recording("smoke").board().doors, lambda call, at: True)
        return [each.record.outcome for each in accounts]
    assert outcomes() == [Outcome.ABANDONED] * 2
    assert outcomes(b"190|NONE|NONE|NONE|QUEUESTART|") == [Outcome.ABANDONED, Outcome.LOST]
    assert outcomes(b"150|NONE|NONE|NONE|CONFIGRELOAD|", b"190|NONE|NONE|NONE|QUEUESTART|") == [Outcome.ABANDONED] * 2


def test_a_call_that_the_switch_makes_through_the_trunk_is_no_member():
    lines = [line.replace(b"AppDial", b"AppDial2").replace(b'"Dial"', b'"AppDial2"') for line in call("1.5", "3.5")]
    alone = [line for line in lines if b"pbx1-1.2" not in line and b"APP_START" not in line]
    assert cel_accounts(alone, recording("smoke").board(), lambda record: True) == []


def test_the_sample_configuration_of_asterisk_is_read_too_and_names_the_queue():
    row, slack = row_of(b'"APP_START","1795420033.915662","","20894921","","","","dagpenge","koe",'
                        b'"PJSIP/trunk-00000002","Queue","dagpenge,tT,,,26","DOCUMENTATION","","pbx1-1.2","pbx1-1.2","","","",""\n')
    assert (row.leg, row.application, row.data, slack) == ("pbx1-1.2", "Queue", "dagpenge,tT,,,26", 0)


TURNED = ("${CSV_QUOTE(${CHANNEL(uniqueid)})},${CSV_QUOTE(${CHANNEL(linkedid)})}, ${CALLERID(name)}, ${eventtime},"
          "${CSV_QUOTE(${eventtype})},${CSV_QUOTE(${CHANNEL(channame)})},${CSV_QUOTE(${CHANNEL(appname)})},"
          "${CSV_QUOTE(${CHANNEL(context)})},${CSV_QUOTE(${CHANNEL(exten)})},${CSV_QUOTE(${eventextra})},x")


def turned(line):
    kind, at, _, exten, context, channel, application, leg, linked, _, extra = next(csv.reader([line.decode()]))
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow([leg, linked, "Jensen, Anne", at, kind, channel, application,
                                                      context, exten, extra, "x"])
    return text.getvalue().encode()


def test_columns_in_another_order_are_read_as_cel_custom_has_them_and_refused_where_nobody_says_so(tmp_path):
    of, path = recording("restart"), tmp_path / "cel.csv"
    lines = lzma.decompress((FOLDER / "restart" / LOGS["cel"]).read_bytes()).splitlines()
    path.write_bytes(b"".join(map(turned, lines)))

    def told(*paths, **forms):
        return gathered(Sources(cel=paths, **forms), of.board(), lambda at: True, of.config.site.zone, [], EVERYTHING)

    with pytest.raises(SourceError, match=r"is no CEL that slmon knows: none .* set cel_format"):
        told(path)
    as_it_was = told(FOLDER / "restart" / LOGS["cel"])
    for paths in (path,), (path, path):
        mended = told(*paths, cel_forms=forms_of(TURNED))
        assert [replace(each.record, caller=None) for each in as_it_was.accounts] == [
            each.record for each in mended.accounts]
        assert (mended.unread, mended.cel.spans) == ({}, as_it_was.cel.spans)
    assert told(FOLDER / "restart" / LOGS["cel"], cel_forms=forms_of(f"{TURNED},y")).accounts      # of before


@pytest.mark.parametrize("line", [b"", b"\n", b"nonsense\n", b'"CHAN_START","x"\n', b'"a' * 9, b"\xff\x00,,,,,,,,,,\n",
                                  b'"CHAN_START","99999999999999999999","","","","","","u","u","",""\n'])
def test_a_line_that_is_no_row_is_counted_and_left_out(line):
    unread = []
    assert row_of(line) is None
    assert cel_accounts([line], recording("smoke").board(), lambda record: True, unread.append) == []
    assert unread == [line]


def test_an_extra_that_is_no_json_tells_nothing():
    lines = [line.replace(b"{", b"[") for line in call("1.5", "3.5")]
    (account,) = cel_accounts(lines, recording("smoke").board(), lambda record: True)
    assert account.record.call == "pbx1/pbx1-1.1"


@pytest.mark.parametrize(("more", "linked"), [
    (["pbx1-1795420033.2"], ""), (["pbx1-1795420033.2", "kunde"], ""),
    (["pbx1-1795420033.2", "", "pbx1-1795420033.1", "7"], "pbx1-1795420033.1"),
    (["pbx1-1795420033.2", "kunde", "", "pbx1-1795420033.1", "7"], "pbx1-1795420033.1"),
    ([], None), (["kunde"], None), (["", "pbx1-1795420033.1", "7"], None),
    (["kunde 7", "", "pbx1-1795420033.1", "7"], None)])
def test_cdr_is_read_with_whatever_columns_it_has_and_a_userfield_is_no_id(more, linked, tmp_path):
    row = ["", "20000001", "70202101", "from-trunk", "", "PJSIP/trunk-1", "PJSIP/101-2", "Dial", "", *[
        f"2026-11-23 08:00:{second}" for second in (33, 35, 50)], "17", "15", "ANSWERED", "DOCUMENTATION", *more]
    unread = []
    doors = recording("smoke").board().doors
    accounts = cdr_accounts([",".join(row).encode()], "pbx1", doors, lambda at: True, UTC, {}, unread=unread.append)
    assert [(each.record.call, each.whole) for each in accounts] == (
        [] if linked is None else [("pbx1/pbx1-1795420033.2", linked == "")])
    assert len(unread) == (linked is None)


def test_of_a_transfer_to_the_park_queue_log_does_not_tell_whether_anybody_fetched_it():
    lines = [f"179542003{at}|pbx1-1.1|dagpenge|Anne|{words}".encode() for at, words in enumerate(
        ["ENTERQUEUE||70", "CONNECT|1|pbx1-1.2|1", "BLINDTRANSFER|700|from-internal|1|1|1"])]
    elsewhere = lines[2].replace(b"700", b"203")
    doors = recording("smoke").board().doors
    transfers = [account.record.transfers for told in (lines, [*lines[:2], elsewhere])
                 for account in queue_log_accounts(told, "pbx1", doors, lambda call, at: True)]
    assert [[each.to for each in some] for some in transfers] == [[], ["203"]]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    of = recording("smoke")
    with pytest.raises(SourceError, match=r"missing.csv: no such file"):
        gathered(Sources(cel=(tmp_path / "missing.csv",)), of.board(), lambda at: True, of.config.site.zone, [],
                 EVERYTHING)


def told_by_command(name, tmp_path, *options):
    out = tmp_path / "calls.jsonl"
    found = CliRunner().invoke(app, ["replay", "--config", str(FOLDER / name / "slmon.toml"), "--caller-clear",
                                     "--calls", str(out), *options, *map(str, capture_files(name))])
    assert found.exit_code == 0, found.output
    return out.read_text(encoding="utf-8")


def test_the_order_of_the_options_of_replay_changes_no_byte(tmp_path):
    words = {"cel": "--cel", "queue_log": "--queue-log", "cdr": "--cdr"}
    options = [(words[kind], str(FOLDER / "reconnect" / LOGS[kind])) for kind in LOGS]
    told = {told_by_command("reconnect", tmp_path, *(word for pair in order for word in pair))
            for order in permutations(options)}
    assert len(told) == 1
    (lines,) = told
    assert Outcome.LOST not in {json.loads(line)["outcome"] for line in lines.splitlines()}


def test_a_missing_log_is_wrong_input(tmp_path):
    found = CliRunner().invoke(app, ["replay", "--config", str(FOLDER / "smoke" / "slmon.toml"), "--cel", "nowhere.csv",
                                     *map(str, capture_files("smoke"))])
    assert found.exit_code == 2
    assert "nowhere.csv: no such file" in found.output
