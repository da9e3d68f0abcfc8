"""The configuration: every mistake named at once, with its place, its value and the cure."""

import re
import tomllib
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from argon2 import PasswordHasher
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from slmon.ami.translate import CALLS, DESKS
from slmon.config import Config, ConfigError, Need, load
from slmon.config.model import GoalsFrom, HoursFrom
from slmon.core.instant import from_datetime
from slmon.core.site import LineKind, Meaning

EXAMPLES = Path(__file__).parent.parent / "config"
LEAST = """
[site]
name = "Eksempel A-kasse"
[[pbx]]
name = "pbx1"
host = "127.0.0.1"
inbound = { contexts = ["from-trunk"] }
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "slmon.toml"
    file.write_text(text, encoding="utf-8")
    return file


def config_of(folder: Path, text: str = "", need: Need = Need.NOTHING, **environment: str) -> Config:
    return load(written(folder, LEAST + text), environment, need)


def said_of(folder: Path, text: str, need: Need = Need.NOTHING, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text), environment, need)
    return caught.value.lines()


def at(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Copenhagen")))


# ---- what is read ------------------------------------------------------------------------------------------------

def test_a_name_and_one_pbx_are_enough_and_the_rest_is_default(tmp_path):
    config = config_of(tmp_path)
    assert config.phone_goals(config.phone_hours()).goal_of(date(2026, 11, 23)).answer_seconds == 20
    assert (config.pbx[0].port, config.site.timezone, str(config.web.listen)) == (
        5038, "Europe/Copenhagen", "127.0.0.1:8080")
    assert [view.name for view in config.views] == ["all"]
    assert config.views[0].everything
    assert config.phone_hours().is_open(at("2026-12-25T03:00"))


def test_tls_moves_the_port_unless_it_is_given(tmp_path):
    assert config_of(tmp_path, "tls = true").pbx[0].port == 5039
    assert config_of(tmp_path, "tls = true\nport = 6000").pbx[0].port == 6000


def test_doors_are_the_cores_own(tmp_path):
    doors = config_of(tmp_path, """
        contexts = { voicemail = ["vm"], survey = ["tilfredshed"] }
        machines = ["PJSIP/fax"]
        [[line]]
        number = "702021XX"
        name = "Direkte"
        kind = "direct"
        """).doors("pbx1")
    assert doors.contexts == {"from-trunk"}
    assert doors.meanings == {"vm": Meaning.VOICEMAIL, "tilfredshed": Meaning.SURVEY}
    assert doors.is_machine("PJSIP/fax")
    line = doors.line_of("+70202142")
    assert line is not None
    assert (line.name, line.kind) == ("Direkte", LineKind.DIRECT)


def test_hours_are_read_as_people_write_them(tmp_path):
    hours = config_of(tmp_path, """
        [hours]
        mon-thu = ["13:00-15:00", "09:00-12:00"]
        fri = "09:00-24:00"
        sat-sun = "closed"
        holidays = "DK"
        closed = [2026-12-31]
        open = { 2026-12-24 = "09:00-10:00" }
        """).phone_hours()
    assert [hours.is_open(at(f"2026-11-23T{clock}")) for clock in ("08:59", "09:00", "12:00", "13:00", "15:00")] == [
        False, True, False, True, False]
    assert hours.is_open(at("2026-11-27T23:59"))
    assert not hours.is_open(at("2026-12-25T10:00"))      # Christmas Day, a Friday
    assert not hours.is_open(at("2026-12-31T10:00"))
    assert hours.is_open(at("2026-12-24T09:30"))


def test_later_hours_replace_the_week_and_keep_the_holidays(tmp_path):
    hours = config_of(tmp_path, """
        [hours]
        mon-fri = "09:00-15:00"
        holidays = "DK"
        [[hours_from]]
        date = 2027-03-01
        mon-fri = "10:00-11:00"
        """).phone_hours()
    assert hours.is_open(at("2027-02-26T09:30"))
    assert not hours.is_open(at("2027-03-01T09:30"))
    assert hours.is_open(at("2027-03-01T10:30"))
    assert not hours.is_open(at("2027-03-26T10:30"))      # Good Friday


def test_later_hours_that_name_no_day_keep_the_week(tmp_path):
    hours = config_of(tmp_path, """
        [hours]
        mon-fri = "09:00-15:00"
        [[hours_from]]
        date = 2027-03-01
        holidays = "DK"
        """).phone_hours()
    assert hours.is_open(at("2027-03-01T09:30"))
    assert not hours.is_open(at("2027-03-26T09:30"))      # Good Friday


def test_without_lines_a_view_may_name_any_dialled_number(tmp_path):
    assert config_of(tmp_path, '[[view]]\nname = "a"\nlines = ["70200100"]').views[0].lines == ("70200100",)


def test_hours_without_a_first_table_are_always_open_until_the_dated_one(tmp_path):
    hours = config_of(tmp_path, '[[hours_from]]\ndate = 2027-01-04\nmon-fri = "09:00-15:00"').phone_hours()
    assert hours.is_open(at("2027-01-03T23:00"))
    assert not hours.is_open(at("2027-01-04T08:00"))


def test_each_day_has_its_own_goal_and_what_is_not_named_stays(tmp_path):
    config = config_of(tmp_path, """
        [goals]
        answer_share = 0.9
        [[goals_from]]
        date = "2027-06-01"
        minimum_calls = 20
        [[goals_from]]
        date = 2027-01-01
        answer_seconds = 15
        """)
    phone_goals = config.phone_goals(config.phone_hours())
    goals = [phone_goals.goal_of(date(*day)) for day in ((2026, 12, 31), (2027, 1, 1), (2027, 6, 1))]
    assert [(goal.answer_seconds, goal.answer_share, goal.minimum_calls) for goal in goals] == [
        (20, 0.9, 10), (15, 0.9, 10), (15, 0.9, 20)]
    assert phone_goals.goal_at(at("2026-12-31T23:59")).answer_seconds == 20
    assert phone_goals.goal_at(at("2027-01-01T00:00")).answer_seconds == 15


def test_paths_are_taken_from_the_files_own_folder(tmp_path):
    config = config_of(tmp_path, 'tls = true\nca_file = "ca.pem"\n[privacy]\nkey_file = "/etc/callers.key"')
    assert config.store.path == tmp_path / "slmon.db"
    assert config.pbx[0].ca_file == tmp_path / "ca.pem"
    assert config.privacy.key_file == Path("/etc/callers.key")


def test_a_windows_editors_mark_is_no_matter(tmp_path):
    file = tmp_path / "slmon.toml"
    file.write_bytes(b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode())
    assert load(file, {}).site.name == "Eksempel A-kasse"


def test_nothing_changes_once_read(tmp_path):
    config = config_of(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        config.site.name = "x"


# ---- mistakes ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "said"), [
    ("[goals]\nanswer_seconds = -20", "[goals] answer_seconds: must be above 0, is -20"),
    ("[goals]\nanswer_seconds = nan", "[goals] answer_seconds: must be a finite number, is nan"),
    ("[goals]\nanswer_seconds = true", "[goals] answer_seconds: must be a number, is true"),
    ('[goals]\nanswer_seconds = "20"', '[goals] answer_seconds: must be a number, is "20"'),
    ("[goals]\nanswer_share = 80", "[goals] answer_share: must be at most 1, for it is a share, is 80; 80 % is 0.8"),
    ("[goals]\nminimum_calls = 1.5", "[goals] minimum_calls: must be a whole number, is 1.5"),
    ("[goals]\nanswer_secs = 20", "[goals] answer_secs: unknown key; did you mean answer_seconds?"),
    ("[goals]\nperson_figures = true", "[goals] person_figures: unknown key here; it is one of [privacy]"),
    ("[goals]\nshort_abandon_seconds = 20",
     "[goals] short_abandon_seconds: must be below answer_seconds (20), or late hang-ups would not count, is 20"),
    ("[goals]\ntransfer_good = 0.2", "[goals] transfer_good: must be at most transfer_ceiling (0.15), is 0.2"),
    ("[[goals_from]]\ndate = 2027-01-01\nshort_abandon_seconds = 25",
     "[[goals_from]] 2027-01-01 short_abandon_seconds: must be below answer_seconds (20), "
     "or late hang-ups would not count, is 25"),
    ("[goals]\nshort_abandon_seconds = 25\n[[goals_from]]\ndate = 2027-01-01",
     "[goals] short_abandon_seconds: must be below answer_seconds (20), or late hang-ups would not count, is 25"),
    ("[[goals_from]]\nanswer_seconds = 25",
     "[[goals_from]] number 1 date: is missing; it is the first day on which these goals hold"),
    ("[[goals_from]]\ndate = 2027-01-01\n[[goals_from]]\ndate = 2027-01-01",
     "[[goals_from]] 2027-01-01 date: is given to two [[goals_from]], is 2027-01-01"),
    ("[goal]", "[goal]: unknown section; did you mean goals?"),
    ("[lines]", "[lines]: unknown section; did you mean line?"),
    ("[line]\nname = 'a'", "[line]: is written [[line]], with two pairs of brackets"),
    ("[[goals]]\nanswer_seconds = 20", "[[goals]]: is written [goals], with one pair of brackets"),
    ('[hours]\nmon-fri = "9-15"', '[hours] mon-fri: must be "HH:MM-HH:MM", a list of them, or "closed", is "9-15"'),
    ("[hours]\nmon = []", '[hours] mon: must be "HH:MM-HH:MM", a list of them, or "closed"'),
    ('[hours]\nmon = "15:00-09:00"', '[hours] mon: ends before it begins, is "15:00-09:00"; over midnight is written '
                                     'as "22:00-24:00" and, on the next day, "00:00-06:00"'),
    ('[hours]\nmon = "09:00-24:01"',
     '[hours] mon: has no time of day 24:01, is "09:00-24:01"; hours run from 00:00 to 24:00'),
    ('[hours]\nmon = "09:00-09:00"', '[hours] mon: ends before it begins, is "09:00-09:00"; over midnight is written '
                                     'as "22:00-24:00" and, on the next day, "00:00-06:00"'),
    ('[hours]\nmon = "09:60-10:00"',
     '[hours] mon: has no time of day 09:60, is "09:60-10:00"; hours run from 00:00 to 24:00'),
    ('[hours]\nmon = ["09:00-12:00", "11:00-13:00"]', "[hours] mon: has hours that overlap"),
    ('[hours]\nmon-fri = "09:00-15:00"\nwed = "closed"', "[hours] wed: gives wed a second time"),
    ('[hours]\nfri-mon = "closed"',
     "[hours] fri-mon: ends before it begins; the week runs from mon to sun, so write it as two"),
    ('[hours]\nman-fri = "09:00-15:00"',
     "[hours] man-fri: must be a day or range such as mon, mon-fri or sat-sun; did you mean mon-fri?"),
    ('[hours]\nmon = "closed"\nholiday = "DK"',
     "[hours] holiday: must be a day or range such as mon, mon-fri or sat-sun; did you mean holidays?"),
    ('[hours]\nmon = "closed"\nholidays = "dk"',
     '[hours] holidays: is no country whose holidays are known, is "dk"; did you mean DK?'),
    ('[hours]\nholidays = "DK"', '[hours]: names no day, so it would never be open; add mon-fri = "09:00-15:00", '
                                 "or leave [hours] out to be always open"),
    ('[hours]\nmon = "closed"\nclosed = ["24/12"]',
     '[hours] closed: must be a day such as 2027-01-01, is "24/12"'),
    ('[hours]\nmon = "closed"\nclosed = ["2026-12-24"]\nopen = { 2026-12-24 = "09:00-12:00" }',
     "[hours] open.2026-12-24: is among the closed days too; take it out of one of them"),
    ('[[line]]\nnumber = "7020 01 00"\nname = "Hoved"',
     "[[line]] Hoved number: must be a number of digits, where X is any one digit and a dot at the end is the rest, "
     'is "7020 01 00"; write it without spaces'),
    ('[[line]]\nnumber = "70200100"\nname = "A"\n[[line]]\nnumber = "+70200100"\nname = "B"',
     '[[line]] B number: is given to two [[line]], is "+70200100"'),
    ('[[line]]\nnumber = "1"\nname = "A"\n[[line]]\nnumber = "2"\nname = "A"',
     '[[line]] A name: is given to two [[line]], is "A"'),
    ('[[line]]\nnumber = "1"\nname = "A"\nkind = "dirct"',
     '[[line]] A kind: must be one of main, direct, closed, test, survey, is "dirct"; did you mean direct?'),
    ('[[group]]\nname = "Odense"\ndesks = []', "[[group]] Odense desks: must not be empty"),
    ('[[group]]\nname = "Odense"\ndesks = ["PJSIP/1 01"]',
     "[[group]] Odense desks: must be an endpoint such as PJSIP/101, or a pattern such as PJSIP/10X, "
     'is "PJSIP/1 01"'),
    ('[[view]]\nname = "a b"', '[[view]] a b name: must be one word of letters, digits, - _ or ., is "a b"'),
    ('[[line]]\nnumber = "1"\nname = "Direkte"\n[[view]]\nname = "a"\nlines = ["Direkt"]',
     '[[view]] a lines: must name a [[line]] by its name, is "Direkt"; did you mean Direkte?'),
    ('[[view]]\nname = "a"\ngroups = ["Odense"]', '[[view]] a groups: must name a [[group]] by its name, is "Odense"'),
    ('[web]\nlisten = "8080"',
     '[web] listen: must be an address and a port such as 127.0.0.1:8080 or [::1]:8080, is "8080"'),
    ("[privacy]\nminimum_group = 0", "[privacy] minimum_group: must be at least 1, is 0"),
    ("[store]\npath = 3", "[store] path: must be a file's path in quotes, is 3"),
    ("port = 70000", "[[pbx]] pbx1 port: must be a port, from 1 to 65535, is 70000"),
    ('contexts = { voicemail = ["a"], closed = ["a"] }',
     '[[pbx]] pbx1 contexts.closed: must not have a context that is in voicemail too, is "a"'),
    ('"\\u001b[31m" = 1', '[[pbx]] pbx1 "\\u001b[31m": unknown key; there is ca_file, cdr_file, cdr_table, cel_file, '
                             'cel_format, cel_table, contexts, database_file, host, inbound, machines, name, port, '
                             'queue_log_file, queue_log_table, secret, secret_file, server_name, tls, username'),
    ('cel_table = "cel"\ncel_file = "cel.csv"\ndatabase_file = "db"',
     '[[pbx]] pbx1 cel_table: is given, and cel_file too, is "cel"; keep one of them'),
    ("cel_format = '${eventtype},${eventtime},${eventextra}'",
     '[[pbx]] pbx1 cel_format: has no exten, context, channame, appname, uniqueid, linkedid, is '
     '"${eventtype},${eventtime},${eventextra}"; add it in cel_custom.conf, and copy here what it has behind =>'),
    ('cdr_table = "cdr"', '[[pbx]] pbx1 cdr_table: is in no database, is "cdr"; set database_file'),
    ('database_file = "db"', '[[pbx]] pbx1 database_file: is given, and no table of it, is "db"; set cel_table, '
                             'queue_log_table or cdr_table'),
    ('server_name = "a\\u009bb"',
     '[[pbx]] pbx1 server_name: must be one line of text, without space at its ends, is "a\\u009bb"'),
    ('secrt = "hunter2"', "[[pbx]] pbx1 secrt: unknown key; did you mean secret?"),
    ("secret = 12345", "[[pbx]] pbx1 secret: must be text in quotes"),
    ('[[pbx]]\nname = "pbx1"\nhost = "b"\ninbound = { trunks = ["PJSIP/t"] }',
     '[[pbx]] pbx1 name: is given to two [[pbx]], is "pbx1"'),
    ('[[pbx]]\nname = "pbx2"\nhost = "b"\ninbound = {}',
     "[[pbx]] pbx2 inbound: must have contexts or trunks, or no call would ever come in"),
    ('[[pbx]]\nhost = "b"\ninbound = { trunks = ["PJSIP/t"] }',
     "[[pbx]] number 2 name: is missing; it is a word of your own for this PBX, such as pbx1"),
])
def test_a_mistake_is_named_with_its_place_its_value_and_the_cure(tmp_path, text, said):
    assert said_of(tmp_path, LEAST + text) == [f"slmon.toml: {said}"]


@pytest.mark.parametrize(("site", "said"), [
    ('timezone = "Europe/Kopenhagen"', 'timezone: is no known time zone, such as Europe/Copenhagen, '
                                       'is "Europe/Kopenhagen"; did you mean Europe/Copenhagen?'),
    ('language = "dk"', 'language: must be one of da, en, is "dk"'),
])
def test_a_mistake_in_the_site_is_named(tmp_path, site, said):
    assert said_of(tmp_path, LEAST.replace("[[pbx]]", f"{site}\n[[pbx]]", 1)) == [f"slmon.toml: [site] {said}"]


def test_all_mistakes_are_named_at_once_in_the_files_order(tmp_path):
    lines = said_of(tmp_path, """
        [goals]
        answer_seconds = -20
        transfer_good = 2
        [[view]]
        name = "odense"
        groups = ["Kreds Odense"]
        [[pbx]]
        name = "pbx1"
        hots = "127.0.0.1"
        inbound = {}
        [web]
        listen = "0.0.0.0:8080"
        """, Need.ALL)
    assert [line.partition(": ")[2].rpartition(":")[0].split(":")[0] for line in lines] == [
        "[goals] answer_seconds", "[goals] transfer_good", "[[view]] odense groups", "[[pbx]] pbx1 host",
        "[[pbx]] pbx1 hots", "[[pbx]] pbx1 inbound", "[[pbx]] pbx1", "[web] listen", "[site]"]


def test_an_empty_file_says_what_has_to_be_there(tmp_path):
    assert said_of(tmp_path, "") == [
        "slmon.toml: [site]: is missing; it is a table with the house's name",
        "slmon.toml: [pbx]: is missing; it is at least one [[pbx]] with name, host and inbound"]


@pytest.mark.parametrize(("text", "said"), [
    ("[site]\nname = Odense", "line 2, column 8: is no TOML: invalid value; text stands in quotes"),
    ("[site]\nname = 'a'\n[site]", "line 3, column 6: is no TOML: cannot declare ('site',) twice"),
    ("[site]\nname", "end of document: is no TOML: expected '='"),
])
def test_what_is_no_toml_is_named_with_its_line(tmp_path, text, said):
    lines = said_of(tmp_path, text)
    assert len(lines) == 1
    assert lines[0].startswith(f"slmon.toml: {said}")


def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path):
    file = tmp_path / "slmon.toml"
    file.write_bytes('[site]\nname = "Socialpædagogernes"'.encode("cp1252"))
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert caught.value.lines() == ["slmon.toml: line 2: is not UTF-8; save the file as UTF-8"]


def test_a_missing_file_is_named_by_its_path(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.toml", {})
    assert caught.value.lines() == [f"{tmp_path / 'none.toml'}: there is no such file"]


# ---- secrets -----------------------------------------------------------------------------------------------------

def test_replay_needs_no_secret_and_a_login_does(tmp_path):
    config_of(tmp_path)
    assert said_of(tmp_path, LEAST, Need.SECRETS) == [
        "slmon.toml: [[pbx]] pbx1: has no secret; give one of secret_file, secret or SLMON_PBX_PBX1_SECRET"]


def test_two_secrets_are_one_too_many(tmp_path):
    assert said_of(tmp_path, LEAST + 'secret = "one"', Need.SECRETS, SLMON_PBX_PBX1_SECRET="two") == [
        "slmon.toml: [[pbx]] pbx1: has secret and SLMON_PBX_PBX1_SECRET; keep exactly one"]


def test_a_secret_comes_from_the_environment_by_the_pbxs_name(tmp_path):
    text = LEAST.replace('"pbx1"', '"pbx-1"')
    config = load(written(tmp_path, text), {"SLMON_PBX_PBX_1_SECRET": "hunter2"}, Need.SECRETS)
    assert config.pbx[0].secret is not None
    assert config.pbx[0].secret.get_secret_value() == "hunter2"


def test_a_secret_file_is_read_without_its_last_line_break(tmp_path):
    file = tmp_path / "pbx1.secret"
    file.write_bytes(b"hunter 2\r\n")
    file.chmod(0o600)
    config = config_of(tmp_path, 'secret_file = "pbx1.secret"', Need.SECRETS)
    assert config.pbx[0].secret is not None
    assert config.pbx[0].secret.get_secret_value() == "hunter 2"
    assert config.warnings == ()


def test_a_secret_that_everybody_may_read_is_warned_of(tmp_path):
    file = tmp_path / "pbx1.secret"
    file.write_text("hunter2")
    file.chmod(0o644)
    config = config_of(tmp_path, 'secret_file = "pbx1.secret"', Need.SECRETS)
    assert [str(warning) for warning in config.warnings] == [
        f"[[pbx]] pbx1 secret_file: can be read or changed by others; chmod 600 {file}"]


@pytest.mark.parametrize(("content", "said"), [
    (b"\n", "holds an empty secret"),
    (b"one\r\nAction: Command\n", "holds control characters; a secret is one line of text"),
])
def test_a_secret_that_could_not_be_sent_is_refused_unseen(tmp_path, content, said):
    (tmp_path / "pbx1.secret").write_bytes(content)
    assert said_of(tmp_path, LEAST + 'secret_file = "pbx1.secret"', Need.SECRETS) == [
        f"slmon.toml: [[pbx]] pbx1 secret_file: {said}"]


def test_a_missing_secret_file_is_named_with_its_path(tmp_path):
    assert said_of(tmp_path, LEAST + 'secret_file = "no.secret"', Need.SECRETS) == [
        f'slmon.toml: [[pbx]] pbx1 secret_file: there is no such file: "{tmp_path / "no.secret"}"; '
        "make it, then chmod 600"]


def test_a_secret_shows_in_no_message_and_no_repr(tmp_path):
    assert "hunter2" not in repr(config_of(tmp_path, 'secret = "hunter2"', Need.SECRETS))
    mistaken = LEAST + 'secret = "hunter2"\nport = "x"\n[pbxx]\nsecret = "hunter2"'
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, mistaken), {"SLMON_PBX_PBX1_SECRET": "hunter2"}, Need.ALL)
    assert "hunter2" not in repr(caught.value) + str(caught.value) + repr(caught.value.problems)
    assert caught.value.__cause__ is None


def test_the_key_for_callers_is_read_when_needed(tmp_path):
    (tmp_path / "callers.key").write_bytes(b"0123456789abcdef\n")
    (tmp_path / "callers.key").chmod(0o600)
    config = config_of(tmp_path, '[privacy]\nkey_file = "callers.key"', Need.KEY)
    assert config.caller_key is not None
    assert config.caller_key.get_secret_value() == b"0123456789abcdef"
    assert "0123456789" not in repr(config)


def test_a_short_key_for_callers_is_refused(tmp_path):
    (tmp_path / "callers.key").write_bytes(b"short\n")
    assert said_of(tmp_path, LEAST + '[privacy]\nkey_file = "callers.key"', Need.KEY) == [
        "slmon.toml: [privacy] key_file: must hold 16 bytes or more, has 5; "
        "make one with: head -c 32 /dev/urandom | base64 > callers.key"]


# ---- who may see the pages ---------------------------------------------------------------------------------------

BEYOND = '[web]\nlisten = "0.0.0.0:8080"\n'
OPEN = '[access]\nanonymous = "viewer"\n'
EXAMPLE_PASSWORD = re.findall(r'#password = "([^"]+)"', EXAMPLES.joinpath("slmon.toml").read_text("utf-8"))[0]


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", ":8080", "[::]:8080", "192.0.2.1:80", "tavle.example.org:80"])
def test_pages_beyond_this_machine_are_refused_while_nothing_says_who_may_see_them(tmp_path, listen):
    text = f'{LEAST}[web]\nlisten = "{listen}"\n'
    assert said_of(tmp_path, text, Need.WEB) == [
        "slmon.toml: [web] listen: must be of this machine only, or everybody would see everything, is "
        f'"{listen}"; add [access], which says who may see what, or write 127.0.0.1:8080']
    load(written(tmp_path, text), {})                                  # replay has no pages
    assert config_of(tmp_path, text.removeprefix(LEAST) + OPEN, Need.WEB).access is not None


def test_who_may_log_in_and_what_shows_boards_needs_a_key(tmp_path):
    kiosk = '[[kiosk]]\nname = "tv"\nviews = ["all"]\n'
    assert said_of(tmp_path, LEAST + kiosk) == [
        "slmon.toml: [[kiosk]] tv: has no effect without [access]; add [access] with key_file"]
    assert said_of(tmp_path, LEAST + "[access]\n" + kiosk) == [
        "slmon.toml: [access]: needs key_file for [[kiosk]]; "
        "make one with: head -c 32 /dev/urandom | base64 > access.key"]


def test_access_that_lets_nobody_in_is_a_mistake(tmp_path):
    assert said_of(tmp_path, LEAST + "[access]\n") == [
        "slmon.toml: [access]: lets nobody see a board; add a [[user]], a [[kiosk]], a proxy, or "
        'anonymous = "viewer"']


def test_a_kiosk_shows_views_that_there_are(tmp_path):
    view = '[[view]]\nname = "odense"\n'
    said = said_of(tmp_path, LEAST + view + OPEN + 'key_file = "k"\n[[kiosk]]\nname = "tv"\nviews = ["odnse"]\n')
    assert said == [
        'slmon.toml: [[kiosk]] tv views: must name a [[view]] by its name, is "odnse"; did you mean odense?']


def test_a_proxy_that_names_no_header_for_the_user_gives_nobody_a_role(tmp_path):
    proxy = '[access]\nproxy = { addresses = ["127.0.0.1"], role = "ops" }\n'
    assert ["tells of no user" in line for line in said_of(tmp_path, LEAST + proxy)] == [True]


@pytest.mark.parametrize(("content", "said"), [
    (b"short", "must hold 32 bytes or more, has 5"), (b"a" * 64 + b"\n", "holds a key that can be guessed")])
def test_a_key_that_can_be_guessed_is_refused(tmp_path, content, said):
    (tmp_path / "access.key").write_bytes(content)
    assert said_of(tmp_path, LEAST + OPEN + 'key_file = "access.key"\n', Need.WEB) == [
        f"slmon.toml: [access] key_file: {said}; make one with: head -c 32 /dev/urandom | base64 > access.key"]


def test_a_password_is_never_written_as_it_is_typed(tmp_path):
    user = '[[user]]\nname = "leder"\nrole = "manager"\npassword = "hunter2"\n'
    said = said_of(tmp_path, LEAST + OPEN + 'key_file = "k"\n' + user)
    assert said == ["slmon.toml: [[user]] leder password: must be what slmon password prints, which begins with "
                    "$argon2id$"]


@pytest.mark.parametrize("password", [EXAMPLE_PASSWORD, PasswordHasher(1, 8, 1).hash("slmon")])
def test_the_examples_password_is_refused_at_the_start(tmp_path, password):
    (tmp_path / "access.key").write_bytes(bytes(range(64)))
    user = f'key_file = "access.key"\n[[user]]\nname = "leder"\nrole = "manager"\npassword = "{password}"\n'
    assert said_of(tmp_path, LEAST + OPEN + user, Need.WEB) == [
        "slmon.toml: [[user]] leder password: is the example's, which everybody knows; "
        "make another with: slmon password"]


@pytest.mark.parametrize("example", ["not-a-real-secret", "CHANGE-ME"])
def test_the_examples_secret_is_refused_at_the_start(tmp_path, example):
    assert example in "".join(EXAMPLES.joinpath(name).read_text("utf-8") for name in ("slmon.toml", "manager.conf"))
    said = said_of(tmp_path, LEAST + f'secret = "{example}"', Need.SECRETS)
    assert said == ["slmon.toml: [[pbx]] pbx1 secret: is the example's, which everybody knows; make one with: "
                    "head -c 24 /dev/urandom | base64"]


def test_passwords_that_cross_a_network_in_the_clear_are_warned_of(tmp_path):
    (tmp_path / "access.key").write_bytes(bytes(range(64)))
    password = PasswordHasher(1, 8, 1).hash("noget helt andet")
    config = config_of(tmp_path, f"""{BEYOND}{OPEN}key_file = "access.key"
        [[user]]
        name = "leder"
        role = "manager"
        password = "{password}"
        """, Need.WEB)
    assert ["in the clear" in str(warning) for warning in config.warnings if "listen" in str(warning)] == [True]
    assert "noget" not in repr(config)
    assert password not in repr(config)


def test_nothing_but_a_name_or_an_address_gets_into_the_pages_headers(tmp_path):
    web = '[web]\nhosts = ["https://tavle.example.dk"]\nframe_ancestors = ["*; script-src *"]'
    said = said_of(tmp_path, LEAST + web)
    assert [line.partition(":")[2].partition(",")[0] for line in said] == [
        " [web] hosts: must be a host name such as tavle.example.dk",
        " [web] frame_ancestors: must be an address such as https://intranet.example.dk"]


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:8080", "localhost:8080", "127.1.2.3:80"])
def test_pages_of_this_machine_need_nobody(tmp_path, listen):
    assert config_of(tmp_path, f'[web]\nlisten = "{listen}"', Need.WEB).web.listen.loopback


def test_an_endpoint_without_its_technology_is_warned_of(tmp_path):
    config = config_of(tmp_path, '[[group]]\nname = "Odense"\ndesks = ["101"]')
    assert [str(warning) for warning in config.warnings] == [
        '[[group]] Odense desks: is most likely PJSIP/101, for endpoints have their technology in front, is "101"']


# ---- the examples ------------------------------------------------------------------------------------------------

def uncommented(text: str) -> str:
    return re.sub(r"^#(?=[\[a-z])", "", text, flags=re.MULTILINE)


def test_the_example_loads_as_it_stands_and_with_every_setting():
    for text in (EXAMPLES.joinpath("slmon.toml").read_text("utf-8"),
                 uncommented(EXAMPLES.joinpath("slmon.toml").read_text("utf-8"))):
        Config.model_validate(tomllib.loads(text))


def test_the_example_has_every_key_with_its_default():
    document = tomllib.loads(uncommented(EXAMPLES.joinpath("slmon.toml").read_text("utf-8")))
    for section, field in Config.model_fields.items():
        content = document[section]
        table = content[0] if isinstance(content, list) else content
        model = model_in(field.annotation)
        defaults = {HoursFrom: model, GoalsFrom: model}.get(model, model).model_fields
        assert set(defaults) - set(table) <= {"days"}, section
        for key, value in table.items():
            if key in defaults:
                default = defaults[key].get_default(call_default_factory=True, validated_data=table)
                assert default in (PydanticUndefined, None) or plain(default) == plain(value), f"[{section}] {key}"


def test_the_example_shows_what_is_at_its_default_as_a_comment():
    document = tomllib.loads(EXAMPLES.joinpath("slmon.toml").read_text("utf-8"))
    assert {section: sorted(content[0] if isinstance(content, list) else content)
            for section, content in document.items() if content} == {
        "site": ["name"], "hours": ["mon-fri"], "pbx": ["host", "inbound", "name", "secret_file"]}


def model_in(annotation: object) -> type[BaseModel]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(model_in(each) for each in annotation.__args__ if isinstance(each, type))


def plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return str(value) if hasattr(value, "loopback") else {
            key: plain(each) for key, each in value.model_dump().items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return str(value) if isinstance(value, Path) else value


def test_the_pbxs_example_asks_for_the_least_rights():
    text = EXAMPLES.joinpath("manager.conf").read_text("utf-8")
    settings = dict(re.findall(r"^([a-z]+) = ([^;\n]*?) *(?:;.*)?$", text, re.MULTILINE))
    assert (settings["read"], settings["write"], settings["timestampevents"]) == ("call,agent", "reporting", "yes")
    assert settings["deny"] == "0.0.0.0/0.0.0.0"


def test_the_pbxs_example_filters_away_no_event_that_is_read():
    text = EXAMPLES.joinpath("manager.conf").read_text("utf-8")
    named = set(re.findall(r"^;eventfilter\(action\(include\),name\((\w+)\)\) =$", text, re.MULTILINE))
    assert named == {*CALLS, *DESKS, "Reload"}
