"""The queue_log that the simulated PBX writes: the real one's form, and true to what really happened."""

import lzma
from functools import cache

from recorded import FOLDER
from test_simulator import DOORS, NOON

from slmon.backfill.queue_log import queue_log_accounts
from slmon.simulator.day import LiveDay
from slmon.simulator.plan import Rate
from slmon.simulator.queue_log import QueueLog

UNRECORDED = {("EXITWITHTIMEOUT", 8)}    # the same fields as ABANDON, by the documentation


@cache
def a_logged_day() -> tuple[LiveDay, tuple[bytes, ...]]:
    day = LiveDay(5, NOON, Rate(8.0, NOON, 2.0), desks=False)
    lines: list[bytes] = []
    QueueLog(day.pbx, lines.append)
    day.clock.run()
    return day, tuple(lines)


def shapes(lines: list[str]) -> set[tuple[str, int]]:
    rows = [line.split("|") for line in lines]
    return {(row[4], len(row)) for row in rows}


def test_every_line_is_written_as_a_recorded_one():
    _, lines = a_logged_day()
    real = [line for path in FOLDER.glob("*/queue_log.xz")
            for line in lzma.decompress(path.read_bytes()).decode().splitlines()]
    written = shapes([line.decode().rstrip("\n") for line in lines])
    assert written <= shapes(real) | UNRECORDED
    assert {word for word, _ in written} >= {"CONNECT", "ABANDON", "RINGNOANSWER", "EXITWITHKEY", "BLINDTRANSFER"}


def test_every_answer_out_of_a_queue_is_told_within_its_second():
    day, lines = a_logged_day()
    told = {account.record.call.partition("/")[2]: account.record
            for account in queue_log_accounts(lines, "pbx1", DOORS, lambda call, at: True)}
    answers = {call.uniqueid: (call.answered_at, told[call.uniqueid].answered_between) for call in day.truth
               if call.answered_at and call.queues and told[call.uniqueid].arrived_at < call.answered_at}
    assert len(answers) > 400
    assert [each for each in answers.values() if not each[1] or not each[1][0] <= each[0] <= each[1][1]] == []
