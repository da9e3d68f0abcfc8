"""The CEL that the simulated PBX writes: the real one's form, and with it alone every call as it was played."""

import csv
import json
import lzma
from io import StringIO

import pytest
from recorded import FOLDER
from running import SECRET

from slmon.backfill.cel import cel_accounts, row_of
from slmon.config import load
from slmon.core.instant import SECOND
from slmon.core.switchboard import Switchboard
from slmon.simulator.cel import CelLog
from slmon.simulator.day import LiveDay
from slmon.simulator.house import config_text
from slmon.simulator.plan import Rate

START = 1_795_417_200 * SECOND
MOMENTS = ("arrived_at", "asked_at", "answered_at", "ended_at")


def played(seed, hours=1.0):
    day, lines = LiveDay(seed, START, Rate(8.0, START, hours)), []
    day.pbx.listeners.append(CelLog(lambda text: lines.extend(text.splitlines(keepends=True))))
    day.clock.run()
    return day, lines


@pytest.mark.parametrize("seed", [1, 4])
def test_the_log_alone_tells_every_call_as_it_was_played(seed, tmp_path):
    day, lines = played(seed)
    (tmp_path / "slmon.toml").write_text(config_text("127.0.0.1", 5038, "slmon", SECRET), encoding="utf-8")
    config = load(tmp_path / "slmon.toml", {})
    hours = config.phone_hours()
    board = Switchboard("pbx1", config.doors("pbx1"), config.phone_goals(hours).goal_at, hours.is_open)
    told = {each.record.call.partition("/")[2]: each.record for each in cel_accounts(lines, board, lambda record: True)}
    for call in day.truth:
        record = told.pop(call.uniqueid)
        assert (record.outcome, record.transferred, record.queue, record.ended_by) == (
            call.outcome, call.transferred, call.queue, call.ended_by)
        for moment in MOMENTS:
            really, said = getattr(call, moment), getattr(record, moment)
            assert (said is None) == (really is None)
            assert really is None or abs(said - really) < 0.1 * SECOND
    assert told == {}


def test_its_rows_have_the_kinds_and_words_of_a_real_one():
    _, lines = played(1)
    ours, real = {}, {}
    for line in lines:
        row = next(csv.reader(StringIO(line.decode())))
        ours.setdefault(row[0], set()).update(json.loads(row[19]) if row[19] else ())
    for name in ("transfers", "reconnect"):
        for line in lzma.decompress((FOLDER / name / "cel.csv.xz").read_bytes()).splitlines():
            row, _ = row_of(line)
            real.setdefault(row.kind, set()).update(json.loads(row.extra) if row.extra else ())
    for kind, words in ours.items():
        assert words <= real.get(kind, words), kind
    assert len(ours.keys() & real.keys()) > 10
