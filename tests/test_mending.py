"""`slmon backfill` mends what is stored, once, whether slmon runs or not, and says what it changed."""

import asyncio
import itertools
import lzma
import os
import re
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cutting
import pytest
from recorded import FOLDER, differences, recording, replayed
from running import Slmon, host_now, slmon, until
from structlog.testing import capture_logs
from test_backfill import LOGS, of_cel_alone
from typer.testing import CliRunner

from slmon.ami.translate import REPLAYED, Translator
from slmon.ami.wire import AmiStream
from slmon.backfill.files import LONGEST_LINE, PORTION, TORN, SourceError, lines_of, once, rotated
from slmon.backfill.mender import Mender
from slmon.backfill.queue_log import queue_log_moment
from slmon.backfill.sources import Sources, gathered
from slmon.backfill.spool import ANSWER_SECONDS, Answer, Question, Spool
from slmon.cli import app
from slmon.commands.asking import ask_the_other
from slmon.config import load
from slmon.core.facts import FOUND, CallEnded, CallUnaccounted, GapMarked, Outcome, Quality, Step
from slmon.core.instant import SECOND
from slmon.daemon import Daemon
from slmon.simulator.plan import Rate
from slmon.simulator.server import Account, AmiServer, LiveDay
from slmon.store.calls import CallStore
from slmon.store.reader import CallReader
from slmon.store.schema import StoreError

OPTIONS = {"cel": "--cel", "queue_log": "--queue-log", "cdr": "--cdr"}


def house(name, folder, port=5038, more=""):
    """The recording's house, and where its calls are stored."""
    text = (FOLDER / name / "slmon.toml").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^(host|port|username|secret) = .*\n", "", text)
    text = text.replace("[[pbx]]\n", '[[pbx]]\nhost = "127.0.0.1"\nusername = "slmon"\nsecret = "hemmelig"\n'
                        f"port = {port}\n{more}")
    config = folder / "slmon.toml"
    config.write_text(f'{text}\n[web]\nlisten = "127.0.0.1:0"\n[privacy]\nkeep_calls_days = 36500\n', encoding="utf-8")
    return config


def heard(name, folder, connections=2):
    """Store what was heard of a recording: all of it, or up to where the first connection broke."""
    of = recording(name)
    with closing(CallStore(folder / "slmon.db")) as store:
        def say(fact):
            if isinstance(fact, CallEnded):
                store.save(fact.record)
            elif isinstance(fact, GapMarked):
                store.mark_gap(fact)
            elif isinstance(fact, CallUnaccounted):
                store.mark_unaccounted(fact)
        found = replayed(of, folder, of.captures[:connections], say=say)
        for record in found.calls:
            store.save(record)
        store.put_note("heard pbx1", str(found.ended_at))
    return of


def stored(folder):
    return list(CallReader(folder / "slmon.db").since(0))


def wrong(of, folder):
    """What the stored calls have otherwise than the SIP side; callers are not stored without a key."""
    callers = {record.call: record.caller for record in of_cel_alone(of.name)[0]}
    return differences(of.truth, [replace(record, caller=callers[record.call]) for record in stored(folder)])


def backfill(config, name, *kinds, dry_run=False):
    files = [str(word) for kind in kinds for word in (OPTIONS[kind], FOLDER / name / LOGS[kind])]
    found = CliRunner().invoke(app, ["backfill", "--config", str(config), *files, *["--dry-run"] * dry_run])
    assert found.exit_code == 0, found.output
    return found.output


def rows(folder):
    return [(record, CallReader(folder / "slmon.db").accounts(record.call)) for record in stored(folder)]


@pytest.mark.parametrize("name", ["restart", "reconnect"])
def test_stored_calls_become_as_the_sip_side_saw_them_and_again_changes_nothing(name, tmp_path):
    of = heard(name, tmp_path, connections=1)
    config = house(name, tmp_path)
    assert len(stored(tmp_path)) < len(of.truth)
    assert "0 corrected" not in backfill(config, name, *LOGS)
    assert wrong(of, tmp_path) == []
    first = rows(tmp_path)
    assert "0 calls corrected, 0 added" in backfill(config, name, *LOGS)
    assert rows(tmp_path) == first


def test_where_slmon_began_in_the_midst_of_a_call_stays_where_it_was_when_the_logs_tell_the_ring_in(tmp_path):
    folder = tmp_path / "later"
    folder.mkdir()
    heard("reconnect", tmp_path)
    calls = stored(tmp_path)
    before, first = [record for record in calls if record.answered_at is not None][:2]
    listed_at = first.answered_at + SECOND                 # and nothing before was heard
    found = replace(first, arrived_at=first.arrived_at + SECOND // 3, answered_at=None, quality=Quality.RESUMED,
                    answered_between=(first.arrived_at, listed_at), steps=(Step(listed_at, FOUND), *first.steps))
    before = replace(before, quality=Quality.RESUMED, steps=(Step(listed_at + SECOND, FOUND), *before.steps))
    with closing(CallStore(folder / "slmon.db")) as store:
        for record in [before, found, *(each for each in calls if each.arrived_at > listed_at)]:
            store.save(record)
        store.put_note("heard pbx1", str(calls[-1].ended_at))
    config = house("reconnect", folder)
    for _ in range(2):
        backfill(config, "reconnect", "cel")
        assert CallReader(folder / "slmon.db").first_moment("pbx1") == listed_at
    (told,) = CallReader(folder / "slmon.db").named(first.call)
    assert (told.arrived_at, told.answered_at) == pytest.approx((first.arrived_at, first.answered_at), abs=SECOND // 10)
    assert "0 calls corrected, 0 added" in backfill(config, "reconnect", "cel")


def killed_between_two_notes(folder):
    """What is stored of a day until slmon is killed seconds after it last noted until when it had heard the PBX."""
    of = heard("reconnect", folder, connections=1)
    with closing(CallStore(folder / "slmon.db")) as store:
        heard_until = max(record.last_moment for record in store.since(0))
        store.put_note("heard pbx1", str(heard_until - 5 * SECOND))
    return of, heard_until


def test_until_when_slmon_heard_stays_known_when_the_calls_that_told_it_are_mended(tmp_path):
    of, heard_until = killed_between_two_notes(tmp_path)
    config = house("reconnect", tmp_path)
    backfill(config, "reconnect", "cel")
    first = rows(tmp_path)
    assert "0 calls corrected, 0 added" in backfill(config, "reconnect", "cel")
    assert rows(tmp_path) == first
    assert CallReader(tmp_path / "slmon.db").heard_until("pbx1") == heard_until
    assert wrong(of, tmp_path) == []


def test_what_logs_told_of_the_time_without_slmon_was_not_heard(tmp_path):
    _, heard_until = killed_between_two_notes(tmp_path)
    config = house("reconnect", tmp_path)
    backfill(config, "reconnect", "cel")
    assert max(record.arrived_at for record in stored(tmp_path)) > heard_until
    daemon = Daemon(load(config, {}))
    daemon.restore()
    daemon.store.close()
    assert [(gap.since, gap.until) for gap in daemon.store.gaps(heard_until, 1 << 62)] == [(heard_until, None)]


def test_one_that_ends_while_the_link_is_down_heard_the_pbx_until_it_broke(tmp_path):
    _, heard_until = killed_between_two_notes(tmp_path)
    with closing(CallStore(tmp_path / "slmon.db")) as store:
        store.mark_gap(GapMarked("pbx1", heard_until + SECOND, None, "cut"))
    assert CallReader(tmp_path / "slmon.db").heard_until("pbx1") == heard_until + SECOND


def test_one_source_after_another_in_any_order_gives_the_same_rows(tmp_path):
    results = []
    orders = ["cel", "queue_log", "cdr"], ["cdr", "cel", "queue_log"], ["queue_log", "cdr", "cel"]
    for number, order in enumerate(orders):
        folder = tmp_path / str(number)
        folder.mkdir()
        heard("reconnect", folder, connections=1)
        for kind in order + order[:1]:
            backfill(house("reconnect", folder), "reconnect", kind)
        results.append(stored(folder))
    assert results[0] == results[1] == results[2]


def test_a_dry_run_says_what_would_be_and_changes_nothing(tmp_path):
    heard("reconnect", tmp_path)
    before = rows(tmp_path)
    said = backfill(house("reconnect", tmp_path), "reconnect", "cel", dry_run=True)
    assert re.search(r"slmon: [1-9][0-9]* calls would be corrected, 0 would be added", said)
    assert rows(tmp_path) == before


def test_every_correction_is_in_the_audit_with_what_was_before(tmp_path):
    heard("reconnect", tmp_path)
    before = {record.call: record for record in stored(tmp_path)}
    backfill(house("reconnect", tmp_path), "reconnect", "cel")
    reader = CallReader(tmp_path / "slmon.db")
    changed = [record for record in stored(tmp_path) if before[record.call] != record]
    assert changed
    for record in changed:
        told = {each.field: each for each in reader.corrections(record.call)}
        assert ("ended_at" in told) == (before[record.call].ended_at != record.ended_at)
        assert all(each.source == "cel" and each.before != each.after for each in told.values())
        heard_before, _ = reader.accounts(record.call)
        assert heard_before == [before[record.call]]


def test_a_lost_call_that_a_source_tells_of_is_unaccounted_for_no_more(tmp_path):
    heard("reconnect", tmp_path, connections=1)
    with closing(CallStore(tmp_path / "slmon.db")) as store:
        lost = next(record for record in stored(tmp_path) if record.ended_at is None)
        until = int(store.note("heard pbx1"))
        store.save(replace(lost, ended_at=until + 1, outcome=Outcome.LOST))
        store.mark_unaccounted(CallUnaccounted(lost.call, until, "lost"))
    backfill(house("reconnect", tmp_path), "reconnect", "cel")
    reader = CallReader(tmp_path / "slmon.db")
    assert [record.outcome for record in reader.named(lost.call)] != [Outcome.LOST]
    assert reader.unaccounted(0, 1 << 60) == []


def test_what_only_a_list_told_of_and_the_pbx_had_rung_itself_is_taken_away_with_its_correction(tmp_path):
    at = 1_795_418_397 * SECOND
    call_back = "pbx1/pbx1-1795418397.71"
    smoke = cutting.recorded(FOLDER / "smoke")
    found = cutting.heard(smoke.board(), smoke.events, [(at + SECOND // 5, at + 5 * SECOND // 2)])
    with closing(CallStore(tmp_path / "slmon.db")) as store:
        for record in found.calls:
            store.save(record)
        for since, until in found.spans[1:-1]:
            store.mark_gap(GapMarked("pbx1", since, until, "cut"))
        store.mark_unaccounted(CallUnaccounted(call_back, at, "lost"))
        store.put_note("heard pbx1", str(smoke.events[-1].at))
    reader = CallReader(tmp_path / "slmon.db")
    ((before,), config) = reader.named(call_back), house("smoke", tmp_path)
    assert "1 would be taken away" in backfill(config, "smoke", "cel", dry_run=True)
    assert reader.named(call_back) == [before]
    assert "1 taken away" in backfill(config, "smoke", "cel")
    assert {record.call for record in stored(tmp_path)} == {record.call for record in smoke.truth}
    (correction,) = reader.corrections(call_back)
    assert (correction.field, correction.before, correction.after) == ("call", '"answered"', None)
    assert reader.unaccounted(0, 1 << 60) == []
    assert "slmon: 0 calls corrected, 0 added\n" in backfill(config, "smoke", "cel")
    assert reader.named(call_back) == []
    assert len(reader.corrections(call_back)) == 1


def test_without_any_log_the_cure_is_named(tmp_path):
    found = CliRunner().invoke(app, ["backfill", "--config", str(house("restart", tmp_path))])
    assert found.exit_code == 2
    assert "give --cel, --queue-log or --cdr, or set cel_file" in found.output


def test_a_file_that_is_another_than_was_meant_is_wrong_input(tmp_path):
    heard("restart", tmp_path)
    config = house("restart", tmp_path)
    for kind, file in itertools.permutations(LOGS, 2):
        log = FOLDER / "restart" / LOGS[file]
        option = "--" + kind.replace("_", "-")
        said = CliRunner().invoke(app, ["backfill", "--config", str(config), option, str(log)])
        assert (said.exit_code, f"{log.name}: is no " in said.stderr) == (2, True), (kind, file)


def test_no_database_is_made_where_there_was_none_to_mend(tmp_path):
    config = house("restart", tmp_path)
    log = FOLDER / "restart" / LOGS["cel"]
    said = CliRunner().invoke(app, ["backfill", "--config", str(config), "--cel", str(log)])
    assert said.exit_code == 1
    assert "slmon.db: there is no such file" in said.stderr
    assert not (tmp_path / "slmon.db").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    found = CliRunner().invoke(app, ["backfill", "--config", str(house("restart", tmp_path)), "--cdr", "none.csv"])
    assert found.exit_code == 2
    assert "none.csv: no such file" in found.output


# ---- while slmon runs ----------------------------------------------------------------------------------------------

def quiet_pbx():
    start = host_now()
    day = LiveDay(1, start, Rate(0.001, start, 0.001), desks=False)
    return AmiServer(day, {"slmon": Account("hemmelig")})


async def up(running: Slmon) -> bool:
    return (await running.metrics())["slmon_pbx_up"] == 1.0


async def test_slmon_that_runs_does_the_work_itself_and_its_pages_know(tmp_path):
    of = heard("reconnect", tmp_path)
    async with quiet_pbx() as server, slmon("run", "--config", house("reconnect", tmp_path, server.port)) as running:
        await until(lambda: up(running))
        words = [str(word) for kind in LOGS for word in (OPTIONS[kind], FOLDER / "reconnect" / LOGS[kind])]
        async with slmon("backfill", "--config", tmp_path / "slmon.toml", *words) as asking:
            assert await asking.ended() == 0
            assert re.search(r"slmon: [1-9][0-9]* calls corrected, 0 added", asking.said), asking.said
        assert wrong(of, tmp_path) == []
        async with slmon("backfill", "--config", tmp_path / "slmon.toml", *words) as asking:
            await asking.ended()
            assert "slmon: 0 calls corrected, 0 added" in asking.said
    assert not list((tmp_path / "slmon.db.backfill").glob("*.json"))


async def test_after_a_gap_slmon_reads_the_logs_that_it_knows_of_by_itself(tmp_path):
    of = heard("reconnect", tmp_path, connections=1)
    log = tmp_path / "cel.csv"
    log.write_bytes(lzma.decompress((FOLDER / "reconnect" / "cel.csv.xz").read_bytes()))
    async with quiet_pbx() as server:
        config = house("reconnect", tmp_path, server.port, f'cel_file = "{log}"\n')
        async with slmon("run", "--config", config):
            async def mended() -> list[str]:
                return wrong(of, tmp_path)
            await until(mended, [])


@asynccontextmanager
async def mending_soon(of, config: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CallStore]:
    """What mends the store after a gap, as the daemon runs it but for its pauses; the gap is over now."""
    for seconds in ("LOOK_EVERY_SECONDS", "SETTLED_SECONDS", "AGAIN_SECONDS", "LONGEST_PAUSE_SECONDS"):
        monkeypatch.setattr(f"slmon.backfill.mender.{seconds}", 0.05)
    with closing(CallStore(config.with_name("slmon.db"))) as store:
        (gap,) = store.gaps(0, 1 << 62)
        mender = Mender(load(config, {}), store, None, {"pbx1": of.board()}, host_now, lambda calls, gaps, gone: None)
        mender.gap_ended("pbx1", gap.since, gap.until)
        mending = asyncio.create_task(mender.run())
        yield store
        mending.cancel()


async def test_a_log_that_cannot_be_read_yet_is_read_when_it_can(tmp_path, monkeypatch):
    of = heard("reconnect", tmp_path)
    log = tmp_path / "cel.csv"
    config = house("reconnect", tmp_path, more=f'cel_file = "{log}"\n')
    with capture_logs() as said:
        async with mending_soon(of, config, monkeypatch) as store:
            async def refused() -> bool:
                return sum("cannot be read" in line["event"] for line in said) > 1
            await until(refused)
            log.write_bytes(lzma.decompress((FOLDER / "reconnect" / "cel.csv.xz").read_bytes()))

            async def told() -> list[Quality | None]:
                return [gap.told_by for gap in store.gaps(0, 1 << 62)]
            await until(told, [Quality.CEL])
    assert wrong(of, tmp_path) == []


async def test_calls_that_are_followed_yet_are_left_alone_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("slmon.backfill.mender.LOOK_EVERY_SECONDS", 0.02)
    of = heard("reconnect", tmp_path, connections=1)
    board = of.board()
    stream = AmiStream(REPLAYED)
    for event in Translator().translate(stream.feed(of.captures[0])):
        board.apply(event)
    followed = set(board.calls)
    before = {record.call: record for record in stored(tmp_path) if record.call in followed}
    with closing(CallStore(tmp_path / "slmon.db")) as store:
        store.mark_gap(GapMarked("pbx1", int(store.note("heard pbx1")), None, "cut"))
        config = house("reconnect", tmp_path)
        mender = Mender(load(config, {}), store, None, {"pbx1": board}, host_now, lambda calls, gaps, gone: None)
        mending = asyncio.create_task(mender.run())
        said = await asyncio.to_thread(backfill, config, "reconnect", "cel")
        mending.cancel()
    found = re.search(r"slmon: (\d+) calls are still followed by the slmon that runs, and left alone", said)
    assert found, said
    going_on = sum(record.ended_at is None for record in before.values())
    assert 1 < going_on <= int(found[1]) < len(before)   # of some that had ended there is nothing to mend
    assert {record.call: record for record in stored(tmp_path) if record.call in followed} == before


def test_a_log_that_is_empty_is_said(tmp_path):
    heard("reconnect", tmp_path)
    (tmp_path / "cel.csv").touch()
    found = CliRunner().invoke(app, ["backfill", "--config", str(house("reconnect", tmp_path)),
                                     "--cel", str(tmp_path / "cel.csv")])
    assert found.exit_code == 0
    assert f"{tmp_path / 'cel.csv'}: is empty" in found.output
    assert "0 calls corrected, 0 added" in found.output


async def test_a_slmon_that_does_not_answer_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("slmon.commands.asking.ANSWER_SECONDS", 0.1)
    with closing(CallStore(tmp_path / "slmon.db")):
        Spool(tmp_path / "slmon.db").prepare()
        found = CliRunner().invoke(app, ["backfill", "--config", str(house("reconnect", tmp_path)), "--cel",
                                         str(FOLDER / "reconnect" / "cel.csv.xz")])
    assert found.exit_code == 1
    assert "does not answer" in found.output
    assert not list((tmp_path / "slmon.db.backfill").glob("*.json"))


def asked_while(tmp_path, monkeypatch, *happenings):
    """Ask the slmon that runs, of which these things happen one after the other while it is waited for."""
    happening = iter(happenings)
    monkeypatch.setattr("slmon.commands.asking.time", SimpleNamespace(
        monotonic=time.monotonic, sleep=lambda seconds: next(happening)()))
    with closing(CallStore(tmp_path / "slmon.db")):
        return ask_the_other(load(house("reconnect", tmp_path), {}), Question("pbx1", Sources(cel=(Path("a.csv"),))))


def test_who_asks_while_slmon_starts_is_answered(tmp_path, monkeypatch):
    spool = Spool(tmp_path / "slmon.db")

    def answers():
        for name, _ in spool.questions():
            spool.reply(name, Answer(corrected=3))
    asked_before_its_first_start = asked_while(tmp_path, monkeypatch, spool.prepare, answers)
    asked_before_a_later_one = asked_while(tmp_path, monkeypatch, spool.prepare, answers)
    assert (asked_before_its_first_start.corrected, asked_before_a_later_one.corrected) == (3, 3)


def test_a_slmon_that_ends_over_a_question_and_starts_again_at_once_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    spool = Spool(tmp_path / "slmon.db")
    spool.prepare()
    with pytest.raises(StoreError, match="has stopped; do this again"):
        asked_while(tmp_path, monkeypatch, lambda: list(spool.questions()), spool.prepare)
    assert not list((tmp_path / "slmon.db.backfill").glob("*.json"))


def test_an_answer_that_nobody_waits_for_any_more_is_none_to_the_next_question(tmp_path):
    spool, question = Spool(tmp_path / "slmon.db"), Question("pbx1", Sources(cel=(Path("a.csv"),)))
    spool.prepare()
    name = spool.ask(question)
    ((taken, _),) = spool.questions()
    spool.forget(name)                                   # Ctrl-C
    spool.reply(taken, Answer(corrected=7))
    assert spool.answer(spool.ask(question)) is None
    assert len(dict(spool.questions())) == 1


def test_what_nobody_waits_for_any_more_is_thrown_away_at_the_start(tmp_path):
    spool = Spool(tmp_path / "slmon.db")
    spool.prepare()
    name = spool.ask(Question("pbx1", Sources(cel=(Path("a.csv"),))))
    long_ago = time.time() - 2 * ANSWER_SECONDS
    os.utime(tmp_path / "slmon.db.backfill" / f"question-{name}.json", (long_ago, long_ago))
    spool.prepare()
    assert dict(spool.questions()) == {}


def test_a_question_that_nobody_can_understand_is_taken_and_is_none(tmp_path):
    spool = Spool(tmp_path / "slmon.db")
    spool.prepare()
    (tmp_path / "slmon.db.backfill" / "question-1.json").write_text("{", encoding="utf-8")
    name = spool.ask(Question("pbx1", Sources(cel=(Path("a.csv"),))))
    questions = dict(spool.questions())
    assert questions["1"] is None
    assert questions[name] == Question("pbx1", Sources(cel=(Path("a.csv").absolute(),)))
    assert dict(spool.questions()) == {}


async def test_an_answer_that_cannot_be_written_keeps_no_other_one_and_not_slmon(tmp_path, monkeypatch):
    monkeypatch.setattr("slmon.backfill.mender.LOOK_EVERY_SECONDS", 0.05)
    folder, spool = tmp_path / "slmon.db.backfill", Spool(tmp_path / "slmon.db")
    with closing(CallStore(tmp_path / "slmon.db")) as store, capture_logs() as said:
        config = load(house("reconnect", tmp_path), {})
        mending = asyncio.create_task(Mender(config, store, None, {}, host_now, lambda calls, gaps, gone: None).run())
        await asyncio.sleep(0)                           # it has made the folder
        (folder / ".answer-1.json").mkdir()              # the answer cannot be written there
        for name in ("1", "2"):
            (folder / f"question-{name}.json").write_text("{", encoding="utf-8")

        async def answered() -> bool:
            return mending.done() or spool.answer("2") is not None
        await until(answered)
        assert not mending.done()
        mending.cancel()
    assert "a question of slmon backfill or merge cannot be answered" in [line["event"] for line in said]


# ---- big files -----------------------------------------------------------------------------------------------------

def big_log(path):
    """A queue_log of some megabytes, a line a second."""
    path.write_bytes(b"".join(b"%d|pbx1-%d.1|dagpenge|NONE|ENTERQUEUE||12345678|1\n" % (each, each)
                              for each in range(100_000, 200_000)))
    return path


def test_what_was_long_before_is_not_read_and_nothing_later_is_missed(tmp_path):
    log = big_log(tmp_path / "queue_log")
    for since in (0, 100_000, 150_000, 199_999, 300_000):
        found = [queue_log_moment(line) for line in lines_of(log, since=since * SECOND, moment=queue_log_moment)]
        assert found == list(range(found[0], 200_000 * SECOND, SECOND))
        assert len(found) * 50 <= max(0, 200_000 - max(since, 100_000)) * 50 + 2 * PORTION
        assert found[0] <= max(since, 100_000) * SECOND or since == 300_000


def test_a_log_that_was_rotated_in_between_is_read_under_its_old_name_too(tmp_path):
    log = tmp_path / "queue_log"
    for name in ("queue_log", "queue_log.1", "queue_log-20261123.gz", "queue_log.old", "queue_log2"):
        (tmp_path / name).touch()
    assert [each.name for each in rotated(log, 0)] == ["queue_log-20261123.gz", "queue_log.1", "queue_log"]
    assert rotated(log, 1 << 60) == (log,)


def test_a_line_that_two_files_have_is_told_once_and_one_told_twice_by_one_is_two():
    one, two = [b"1|a", b"2|b", b"2|b", b"3|c"], [b"2|b", b"3|c", b"4|d"]
    assert list(once([one, two], queue_log_moment)) == [b"1|a", b"2|b", b"2|b", b"3|c", b"4|d"]
    assert list(once([two, one], queue_log_moment)) == list(once([one, two], queue_log_moment))


# -- what a log can be


def whole(path):
    return list(lines_of(path))


def test_a_line_that_is_being_written_is_read_when_it_is_whole(tmp_path):
    log = tmp_path / "queue_log"
    log.write_bytes(b"1|a|q|NONE|X|\n2|b|q|NO")
    assert whole(log) == [b"1|a|q|NONE|X|"]
    with log.open("ab") as file:
        file.write(b"NE|X|\n")
    assert whole(log) == [b"1|a|q|NONE|X|", b"2|b|q|NONE|X|"]


def test_nuls_that_a_power_cut_left_are_torn_and_the_line_behind_them_is_read(tmp_path):
    log = tmp_path / "queue_log"
    log.write_bytes(b"1|a\n" + b"\0" * 4096 + b"2|b\n3|c\n\0\0\n4|d\n")
    assert whole(log) == [b"1|a", TORN, b"2|b", b"3|c", TORN, b"4|d"]


@pytest.mark.parametrize("size", [LONGEST_LINE + 1, PORTION - 1, PORTION, 5 * PORTION + 17])
def test_a_line_without_end_is_torn_and_takes_no_memory(size, tmp_path):
    log = tmp_path / "queue_log"
    log.write_bytes(b"1|a\n" + b"x" * size + b"\n2|b\n")
    tracemalloc.start()
    found = whole(log)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == [b"1|a", TORN, b"2|b"]
    assert most < 8 * PORTION


def test_lines_across_portions_are_whole(tmp_path):
    log = tmp_path / "queue_log"
    lines = [b"%d|%s" % (number, b"y" * (number % 3000)) for number in range(2000)]
    log.write_bytes(b"\n".join(lines) + b"\n")
    assert whole(log) == lines


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes with names")
def test_a_pipe_is_no_log_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "queue_log")
    with pytest.raises(SourceError, match="is no file"):
        whole(tmp_path / "queue_log")


def _copied_and_cut(log):
    log.with_name("cel.csv.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)


def _cut_and_grown(log):
    new = log.read_bytes().replace(b'"17954', b'"17955') * 2       # past where it was read to
    os.truncate(log, 0)
    with log.open("ab") as file:
        file.write(new)


def _renamed(log):
    log.rename(log.with_name("cel.csv.1"))
    log.write_bytes(b'"CHAN_START","1795500000","","s","from-trunk","PJSIP/trunk-1","","pbx1-1.1","pbx1-1.1","",""\n')


@pytest.mark.parametrize("rotate", [_copied_and_cut, _cut_and_grown, _renamed, Path.unlink])
def test_a_log_that_is_another_one_while_it_is_read_is_said_and_one_that_grows_is_not(rotate, tmp_path):
    of, log = recording("restart"), tmp_path / "cel.csv"
    log.write_bytes(lzma.decompress((FOLDER / "restart" / LOGS["cel"]).read_bytes()))
    done = []

    def told(then):
        def meanwhile(read):
            if not done:
                done.append(then(log))
        return gathered(Sources(cel=(log,)), of.board(), lambda at: True, of.config.site.zone, [], ((0, 1 << 60),),
                        meanwhile)

    assert told(lambda log: log.open("ab").write(b'"LINKEDID_END","17')).accounts
    done.clear()
    with pytest.raises(SourceError, match="was renamed, cut or packed while it was read"):
        told(rotate)


def test_a_log_under_any_name_that_logrotate_gives_is_found(tmp_path):
    for name in ("cel.csv", "cel.csv.1", "cel.csv-20261124", "cel.csv.2.gz", "cel-20261125.csv", "cel-20261123.csv.gz",
                 "cel.csv.bak", "celebration.csv", "other.csv"):
        (tmp_path / name).write_bytes(b"")
    assert {each.name for each in rotated(tmp_path / "cel.csv", 0)} == {
        "cel.csv", "cel.csv.1", "cel.csv-20261124", "cel.csv.2.gz", "cel-20261125.csv", "cel-20261123.csv.gz"}
