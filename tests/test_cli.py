"""The commands: what they say, what they write, and with which exit code."""

import json
import lzma
import re
import subprocess
import sys
from pathlib import Path

import pytest
from recorded import FOLDER, capture_files, recording
from typer.testing import CliRunner

import slmon
from slmon.cli import app
from slmon.core.facts import CallRecord, Outcome
from slmon.core.instant import SECOND
from slmon.store.calls import CallStore

COMMANDS = ["demo", "run", "check", "replay", "record", "export"]
CONFIG = """
[site]
name = "Huset"
[[pbx]]
name = "pbx1"
host = "127.0.0.1"
inbound = { contexts = ["from-trunk"] }
"""


def slmon_says(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "100", "TERM": "dumb"})


def replay(*words: object, name: str = "smoke"):
    return slmon_says("replay", "--config", FOLDER / name / "slmon.toml", *words)


def the_config(tmp_path: Path, text: str = CONFIG) -> Path:
    path = tmp_path / "slmon.toml"
    path.write_text(text, encoding="utf-8")
    return path


# -- words


def test_it_says_its_version():
    assert slmon_says("--version").stdout == f"slmon {slmon.__version__}\n"


def test_it_runs_as_a_module_too():
    said = subprocess.run([sys.executable, "-m", "slmon", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"slmon {slmon.__version__}\n"


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_the_help_names_every_command(word):
    said = slmon_says(word)
    assert said.exit_code == 0
    assert all(re.search(rf"^  {command} +[A-Z]", said.stdout, re.MULTILINE) for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_each_of_its_options(command):
    said = slmon_says(command, "--help")
    assert said.exit_code == 0
    options = re.findall(r"^  (?:-\w, )?--[\w-]+(.*)$", said.stdout, re.MULTILINE)
    assert options
    assert all(re.search(r" [A-Z].*", explained) for explained in options)


def test_no_word_at_all_shows_the_help():
    assert "Usage:" in slmon_says().output


@pytest.mark.parametrize("words", [["nonsense"], ["replay"], ["replay", "--config"], ["demo", "--port", "many"],
                                   ["demo", "--port", "70000"], ["export"], ["check", "--no-such-option"]])
def test_wrong_words_are_exit_code_2(words):
    assert slmon_says(*words).exit_code == 2


# -- configuration


@pytest.mark.parametrize("command", [["check"], ["run"], ["replay"], ["export", "--calls", "-"], ["record"]])
def test_a_configuration_that_is_not_there_is_exit_code_2_and_said(command, tmp_path):
    more = {"replay": ["x.ami"], "record": ["x.ami"]}.get(command[0], [])
    said = slmon_says(*command, "--config", tmp_path / "none.toml", *more)
    assert said.exit_code == 2
    assert "none.toml" in said.stderr
    assert "Traceback" not in said.output


def test_every_mistake_of_a_configuration_is_named_with_its_place(tmp_path):
    config = the_config(tmp_path, CONFIG + "[goals]\nanswer_seconds = -20\nanswer_share = 80\n")
    said = slmon_says("replay", "--config", config, "x.ami")
    assert said.exit_code == 2
    assert "answer_seconds" in said.stderr
    assert "answer_share" in said.stderr
    assert all(line.startswith("slmon: ") for line in said.stderr.splitlines())


def test_replay_and_export_need_no_secret(tmp_path):
    capture = tmp_path / "x.ami"
    capture.write_bytes(b"Asterisk Call Manager/9.0.0\r\n")
    assert slmon_says("replay", "--config", the_config(tmp_path), capture).exit_code == 0


def test_a_pbx_that_is_not_configured_is_exit_code_2_with_those_that_are(tmp_path):
    said = slmon_says("replay", "--config", the_config(tmp_path), "--pbx", "pbx9", "x.ami")
    assert said.exit_code == 2
    assert "pbx9" in said.stderr
    assert "pbx1" in said.stderr


# -- replay


def lines_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


KEYS = ["call", "pbx", "line", "dialled", "caller", "queues", "arrived_at", "asked_at", "answered_at", "talking_at",
        "ended_at", "answer_seconds", "answer_bounds", "outcome", "ended_by", "in_hours", "offered", "verdict",
        "transferred", "transfers", "desks", "quality"]


def test_a_dash_writes_the_calls_to_standard_output_and_nothing_else():
    said = replay("--calls", "-", *capture_files("smoke"))
    calls = lines_of(said.stdout)
    assert len(calls) == 14
    assert [list(call) for call in calls] == [KEYS] * 14
    assert [call["arrived_at"] for call in calls] == sorted(call["arrived_at"] for call in calls)


def test_standard_output_and_a_file_get_the_same_bytes(tmp_path):
    out = tmp_path / "calls.jsonl"
    assert replay("--calls", out, *capture_files("smoke")).stdout == ""
    assert out.read_bytes() == replay("--calls", "-", *capture_files("smoke")).stdout_bytes


def test_numbers_and_desks_are_named_and_callers_are_hidden():
    said = replay("--calls", "-", *capture_files("smoke"))
    told = lines_of(said.stdout)
    assert {call["caller"] for call in told} == {None}
    assert {desk for call in told for desk in call["desks"]} == {"desk"}
    for truth in recording("smoke").truth:
        assert truth.caller not in said.stdout


def test_only_where_it_is_asked_for_numbers_are_as_they_are():
    told = lines_of(replay("--calls", "-", "--caller-clear", *capture_files("smoke")).stdout)
    assert [call["dialled"] for call in told] == [truth.dialled for truth in recording("smoke").truth]
    assert {call["caller"] for call in told} == {truth.caller for truth in recording("smoke").truth}


def test_the_summary_agrees_with_the_calls(tmp_path):
    out = tmp_path / "summary.json"
    told = lines_of(replay("--calls", "-", "--summary", out, *capture_files("transfers"), name="transfers").stdout)
    summary = json.loads(out.read_text(encoding="utf-8"))
    assert summary["calls"] == len(told) == 51
    assert summary["offered"] == sum(call["offered"] for call in told)
    assert summary["met"] == sum(call["verdict"] == "met" for call in told)
    assert summary["answered"] == sum(call["outcome"] == "answered" for call in told)
    assert summary["transferred"] == sum(call["transferred"] for call in told)
    assert summary["transfer_rate"]["share"] == summary["transferred"] / summary["answered"]


def test_a_summary_can_go_to_standard_output():
    assert json.loads(replay("--summary", "-", *capture_files("smoke")).stdout)["calls"] == 14


def test_a_missing_capture_is_exit_code_2_and_writes_nothing(tmp_path):
    out = tmp_path / "calls.jsonl"
    said = replay("--calls", out, tmp_path / "none.ami")
    assert said.exit_code == 2
    assert "none.ami" in said.stderr
    assert not out.exists()


def test_a_web_page_as_a_capture_is_exit_code_2_and_says_what_it_is(tmp_path):
    page = tmp_path / "page.ami"
    page.write_bytes(b"<!DOCTYPE html>\n<html>")
    said = replay(page)
    assert said.exit_code == 2
    assert "is no capture of an AMI connection" in said.stderr
    assert "slmon record" in said.stderr


def test_a_packed_capture_that_was_cut_is_exit_code_2_and_tells_what_it_can(tmp_path):
    cut = tmp_path / "events.ami.xz"
    cut.write_bytes(capture_files("smoke")[0].read_bytes()[:20_000])
    said = replay("--calls", "-", cut)
    assert said.exit_code == 2
    assert "ends too soon" in said.stderr
    assert lines_of(said.stdout) != []


def test_a_capture_without_times_is_a_warning_and_its_moments_are_null(tmp_path):
    capture = tmp_path / "events.ami.xz"
    capture.write_bytes(lzma.compress(re.sub(rb"Timestamp: [^\r]*\r\n", b"", recording("smoke").captures[0]), preset=0))
    said = replay("--calls", "-", capture)
    assert said.exit_code == 0
    assert "timestampevents = yes" in said.stderr
    for call in lines_of(said.stdout):
        assert {call[key] for key in KEYS if key.endswith(("_at", "_seconds"))} == {None}
        assert call["verdict"] in (None, "undecided")


def test_an_empty_capture_is_a_warning(tmp_path):
    empty = tmp_path / "empty.ami"
    empty.write_bytes(b"")
    said = replay("--calls", "-", empty)
    assert (said.exit_code, said.stdout) == (0, "")
    assert "no event" in said.stderr


def test_an_output_whose_folder_is_missing_is_wrong_input(tmp_path):
    said = replay("--calls", tmp_path / "no" / "such" / "calls.jsonl", *capture_files("older"), name="older")
    assert said.exit_code == 2
    assert "calls.jsonl" in said.stderr
    assert "Traceback" not in said.output


def test_a_replay_leaves_no_state_behind(tmp_path):
    config = the_config(tmp_path)
    before = sorted(tmp_path.iterdir())
    slmon_says("replay", "--config", config, *capture_files("older"))
    assert sorted(tmp_path.iterdir()) == before


def test_a_reader_who_has_had_enough_is_no_mistake():
    words = [sys.executable, "-m", "slmon", "replay", "--config", FOLDER / "transfers" / "slmon.toml", "--calls", "-",
             *capture_files("transfers")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_a_name_with_a_line_break_of_another_kind_is_one_line(tmp_path):
    text = recording("older").captures[0].replace(b"CallerIDNum: 2", "CallerIDNum: \u2028\x85=cmd|2".encode())
    capture = tmp_path / "odd.ami"
    capture.write_bytes(text)
    said = replay("--calls", "-", "--caller-clear", capture, name="older")
    assert len(said.stdout.split("\n")) == len(said.stdout.splitlines()) + 1 == 4


# -- export


def a_record(number: int) -> CallRecord:
    at = (1_795_417_200 + number) * SECOND
    return CallRecord(f"pbx1/{number}", "pbx1", at, line="Hovednummer", dialled="70200100", asked_at=at + SECOND,
                      answered_at=at + 5 * SECOND, talking_at=at + 5 * SECOND, ended_at=at + 60 * SECOND,
                      outcome=Outcome.ANSWERED)


def stored(tmp_path: Path, records: list[CallRecord]) -> Path:
    config = the_config(tmp_path, CONFIG + '[store]\npath = "calls.db"\n')
    store = CallStore(tmp_path / "calls.db")
    for record in records:
        store.save(record)
    store.close()
    return config


def test_export_writes_the_stored_calls_in_order_of_arrival(tmp_path):
    config = stored(tmp_path, [a_record(3), a_record(1), a_record(2)])
    said = slmon_says("export", "--config", config, "--calls", "-")
    assert said.exit_code == 0
    assert [call["call"] for call in lines_of(said.stdout)] == ["pbx1/1", "pbx1/2", "pbx1/3"]
    assert [list(call) for call in lines_of(said.stdout)] == [KEYS] * 3


def test_export_without_a_store_says_so(tmp_path):
    config = the_config(tmp_path, CONFIG + '[store]\npath = "none.db"\n')
    said = slmon_says("export", "--config", config, "--calls", "-")
    assert said.exit_code == 1
    assert "none.db" in said.stderr
    assert not (tmp_path / "none.db").exists()
