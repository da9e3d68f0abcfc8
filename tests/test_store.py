"""The store: nothing that was known is lost, whatever happens to the process, the disk or the file."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database
from structlog.testing import capture_logs

from slmon.core.facts import (
    CallId,
    CallRecord,
    CallUnaccounted,
    EndedBy,
    GapMarked,
    Outcome,
    Quality,
    Step,
    Transfer,
    TransferKind,
)
from slmon.core.instant import SECOND
from slmon.privacy import CallerKey
from slmon.store import schema
from slmon.store.calls import CallReader, CallStore, StoreError
from slmon.store.schema import migrations

RANG_IN = 1_795_417_130_437_929
HOUR = 3600 * SECOND
KEY = CallerKey(b"0123456789abcdef")


def ringing(number: int = 0, at: int = RANG_IN) -> CallRecord:
    return CallRecord(CallId(f"pbx1/pbx1-1795417130.{number}"), "pbx1", at, line="Hovednummer", dialled="70200100")


def ended(record: CallRecord, after: int = 60 * SECOND) -> CallRecord:
    return replace(record, ended_at=record.arrived_at + after, outcome=Outcome.ABANDONED, ended_by=EndedBy.MEMBER)


FULL = CallRecord(
    CallId("pbx1/pbx1-1795417130.7"), "pbx1", RANG_IN, line="Efterløn", dialled="70200130",
    caller=KEY.pseudonym("12345678"), queues=("dagpenge", "efterløn"), asked_at=RANG_IN + 1, answered_at=RANG_IN + 2,
    talking_at=RANG_IN + 3, ended_at=RANG_IN + 9, outcome=Outcome.ANSWERED, ended_by=EndedBy.DESK, in_hours=False,
    excluded="test", desks=("PJSIP/101", "PJSIP/102"), quality=Quality.MIXED, boot="b1",
    transfers=(Transfer(TransferKind.BLIND, RANG_IN + 4, "203", RANG_IN + 5, None, False),
               Transfer(TransferKind.PARK, RANG_IN + 6, None)),
    steps=(Step(RANG_IN, "menu", "1"), Step(RANG_IN + 1, "queue", "dagpenge"), Step(RANG_IN + 1, "ring", "PJSIP/101")))


@contextmanager
def opened(path: Path, key: CallerKey | None = KEY):
    store = CallStore(path, key, batch_seconds=0.01, retry_seconds=0.05)
    try:
        yield store
    finally:
        store.close(5)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "slmon.db"


@pytest.fixture
def store(path):
    with opened(path) as store:
        yield store


def trouble_of(store: CallStore) -> str | None:
    """What is the matter, as soon as the writer has found out."""
    end = time.monotonic() + 30
    while store.trouble is None and time.monotonic() < end:
        store.flush(0.01)
    return store.trouble


def kept(store: CallReader) -> list[CallRecord]:
    return list(store.since(0))


# ---- what is kept ------------------------------------------------------------------------------------------------

def test_a_call_comes_back_as_it_was_saved(store):
    unsure = replace(ringing(1), answered_between=(None, RANG_IN + SECOND), outcome=Outcome.ANSWERED)
    store.save(FULL)
    store.save(unsure)
    assert store.flush(60)
    assert kept(store) == [unsure, FULL]


def test_what_is_known_later_takes_the_place_of_what_was(store):
    store.save(ringing())
    store.flush(60)
    store.save(replace(FULL, call=ringing().call))
    store.flush(60)
    last = replace(FULL, call=ringing().call, steps=FULL.steps[:1], transfers=FULL.transfers[1:])
    store.save(last)
    store.flush(60)
    assert kept(store) == [last]


def test_the_last_word_on_a_call_is_the_one_that_stays(store):
    for line, at in (("first", RANG_IN), ("second", RANG_IN + 1), ("last", RANG_IN)):
        store.save(replace(ringing(at=at), line=line))
    store.flush(60)
    assert [record.line for record in kept(store)] == ["last"]


def test_the_same_id_an_hour_apart_is_another_call(store):
    for at in (RANG_IN, RANG_IN + HOUR, RANG_IN + 2 * HOUR + 1):
        store.save(ringing(at=at))
        store.flush(60)
    assert [record.arrived_at for record in kept(store)] == [RANG_IN + HOUR, RANG_IN + 2 * HOUR + 1]
    assert len(store.named(ringing().call)) == 2


def test_a_resumed_calls_ring_in_to_the_second_finds_its_row(store):
    store.save(ringing())
    store.save(ringing(at=RANG_IN // SECOND * SECOND))
    store.flush(60)
    assert len(kept(store)) == 1


def test_calls_come_in_order_of_arrival_and_the_end_is_not_in(store):
    for second in (3, 1, 2):
        store.save(ringing(second, RANG_IN + second * SECOND))
    store.flush(60)
    assert [record.arrived_at - RANG_IN for record in store.between(RANG_IN, RANG_IN + 3 * SECOND)] == [
        SECOND, 2 * SECOND]
    assert store.last_arrival(RANG_IN + 3 * SECOND) == RANG_IN + 2 * SECOND


def test_a_question_to_a_file_that_cannot_be_read_says_which(tmp_path):
    (tmp_path / "slmon.db").write_bytes(b"no database at all " * 100)
    with pytest.raises(StoreError, match=r"slmon\.db: cannot be read .*; slmon run sets it aside"):
        list(CallReader(tmp_path / "slmon.db").since(0))


def test_more_calls_than_a_portion_keep_their_own_journeys(store):
    for number in range(2500):
        at = RANG_IN + number
        store.save(replace(ringing(number, at), steps=(Step(at, "menu", str(number)),)))
    store.flush(60)
    assert [record.steps[0].detail for record in kept(store)] == [str(number) for number in range(2500)]


def test_of_the_journeys_only_the_steps_asked_for_are_read(store):
    store.save(FULL)
    store.flush(60)
    (record,) = store.between(0, RANG_IN + 1, ("queue",))
    assert record == replace(FULL, steps=FULL.steps[1:2])


def test_open_calls_are_those_that_have_no_end(store):
    store.save(ringing(1))
    store.save(ended(ringing(2)))
    store.save(replace(ringing(3), answered_at=RANG_IN, outcome=Outcome.ANSWERED))
    store.save(replace(ringing(4), pbx="pbx2"))
    store.flush(60)
    assert [record.call[-1] for record in store.open_calls("pbx1")] == ["1", "3"]


def test_a_number_never_reaches_the_disk(path):
    with opened(path) as store:
        store.save(replace(ringing(), caller="+45 12 34 56 78"))
    with opened(path, key=None) as store:
        store.save(replace(ringing(1), caller="12345678"))
        store.flush(60)
        assert [record.caller for record in kept(store)] == [KEY.pseudonym("12345678"), None]
    assert b"12345678" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_a_name_that_was_no_utf8_is_kept_readable(store):
    store.save(replace(ringing(), line="Efterl\udcf8n"))
    store.flush(60)
    assert kept(store)[0].line == "Efterl?n"


def test_the_file_is_for_its_owner_alone(path):
    with opened(path):
        assert path.stat().st_mode & 0o077 == 0


def test_gaps_are_kept_and_closed(store):
    store.mark_gap(GapMarked("pbx1", RANG_IN, None, "connection reset"))
    store.flush(60)
    assert store.gaps(RANG_IN + HOUR, RANG_IN + 2 * HOUR) == [GapMarked("pbx1", RANG_IN, None, "connection reset")]
    closed = GapMarked("pbx1", RANG_IN, RANG_IN + SECOND, "connection reset")
    store.mark_gap(closed)
    store.flush(60)
    assert store.gaps(0, RANG_IN + HOUR) == [closed]
    assert store.gaps(RANG_IN + SECOND, RANG_IN + HOUR) == []


def test_unaccounted_calls_are_kept_once(store):
    fact = CallUnaccounted(ringing().call, RANG_IN, "gap")
    store.mark_unaccounted(fact)
    store.flush(60)
    store.mark_unaccounted(fact)
    store.flush(60)
    assert store.unaccounted(RANG_IN, RANG_IN + 1) == [fact]


def test_a_note_is_kept_and_replaced(store):
    store.put_note("heard pbx1", "1")
    store.put_note("heard pbx1", "2")
    store.flush(60)
    assert (store.note("heard pbx1"), store.note("heard pbx2")) == ("2", None)


def test_old_calls_are_purged_and_open_ones_never(store):
    day = 24 * HOUR
    for number, age in enumerate((401, 399)):
        store.save(replace(ended(ringing(number, RANG_IN - age * day)), steps=(Step(RANG_IN, "menu"),),
                           ended_at=RANG_IN - 398 * day))
    store.save(replace(ringing(2, RANG_IN - 500 * day), steps=(Step(RANG_IN, "menu"),)))
    store.mark_gap(GapMarked("pbx1", RANG_IN - 500 * day, RANG_IN - 499 * day, "old"))
    store.mark_gap(GapMarked("pbx1", RANG_IN - 450 * day, None, "open"))
    store.purge(400, RANG_IN)
    store.flush(60)
    assert [record.call[-1] for record in kept(store)] == ["2", "1"]
    assert [gap.reason for gap in store.gaps(0, RANG_IN)] == ["open"]
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("SELECT count(*) FROM steps").fetchone() == (2,)


def test_many_old_calls_are_purged_a_few_at_a_time_and_what_is_heard_does_not_wait_for_them(store, path):
    for number in range(1300):
        store.save(ended(ringing(number, RANG_IN + number)))
    store.flush(60)
    store.purge(0, RANG_IN + HOUR)
    store.save(ringing(9000))
    store.flush(60)
    assert 0 < len(kept(store)) <= 1301 - 500
    for _ in range(600):
        if kept(store) == [ringing(9000)]:
            break
        store.flush(0.05)
    assert kept(store) == [ringing(9000)]


def test_who_stops_in_the_middle_of_reading_holds_nothing_open(store, path):
    for number in range(3000):
        store.save(ringing(number, RANG_IN + number))
    store.flush(60)
    reading = store.since(0)
    next(reading)
    with closing(sqlite3.connect(path)) as other:
        busy, left, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, left) == (0, 0)
    store.purge(0, RANG_IN + HOUR)
    assert sum(1 for _ in reading) == 2999


def test_a_reader_sees_what_the_writer_closed(path):
    with opened(path) as store:
        store.save(FULL)
    reader = CallReader(path)
    reader.check()
    assert kept(reader) == [FULL]


def test_a_reader_says_that_there_is_nothing_to_read(path):
    with pytest.raises(StoreError, match=r"slmon\.db: there is no such file; slmon run makes it"):
        CallReader(path).check()


# ---- one writer --------------------------------------------------------------------------------------------------

def test_a_second_daemon_on_the_same_file_is_refused_in_clear_words(store, path):
    with pytest.raises(StoreError, match=rf"another slmon \(process {os.getpid()}\) writes to it; stop that one first"):
        CallStore(path)


def test_a_link_to_the_file_is_no_way_round(store, path):
    path.with_name("link.db").symlink_to(path)
    with pytest.raises(StoreError, match="another slmon"):
        CallStore(path.with_name("link.db"))


def test_a_second_process_is_refused_too_and_let_in_when_the_first_is_killed(path):
    first = started(path, "print('ready', flush=True); time.sleep(60)")
    try:
        assert first.stdout.readline() == "ready\n"
        with pytest.raises(StoreError, match=rf"process {first.pid}"):
            CallStore(path)
    finally:
        first.kill()
        first.communicate()
    with opened(path) as store:
        assert kept(store) == []


def test_nothing_can_be_saved_once_it_is_closed(path):
    with opened(path) as store:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        store.save(FULL)


# ---- the process dies --------------------------------------------------------------------------------------------

def test_after_a_kill_all_that_was_flushed_is_there_once_and_the_file_is_sound(path):
    child = started(path, """
        for number in range(100_000):
            store.save(CallRecord(CallId(f"pbx1/{number}"), "pbx1", 1_000_000 * number))
            if number % 50 == 0:
                store.save(CallRecord(CallId("pbx1/0"), "pbx1", 0, dialled=str(number)))
                store.flush()
                print(number, flush=True)
        """)
    flushed = [int(child.stdout.readline()) for _ in range(40)][-1]
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with opened(path) as store:
        assert store.set_aside is None
        calls = [record.call for record in kept(store)]
    assert len(calls) == len(set(calls))
    assert set(calls) >= {f"pbx1/{number}" for number in range(flushed + 1)}


def started(path: Path, code: str) -> subprocess.Popen[str]:
    """A child process with a store; its code says when it is ready."""
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from slmon.core.facts import CallId, CallRecord
        from slmon.store.calls import CallStore
        store = CallStore(Path(sys.argv[1]), batch_seconds=0.001, retry_seconds=0.05)
        """) + textwrap.dedent(code)
    return subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True,
                            cwd=Path(__file__).parent.parent)


# ---- the disk and the file ---------------------------------------------------------------------------------------

@pytest.fixture
def small_disk():
    """Files of this process can grow to this many bytes and no further, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft if size is None else size, hard))

    yield limit
    limit(None)


def test_on_a_full_disk_calls_wait_in_memory_and_nothing_is_lost_when_there_is_room(store, small_disk):
    store.save(ringing(0))
    store.flush(60)
    small_disk(16 * 1024)
    for number in range(1, 500):
        store.save(ringing(number, RANG_IN + number))
    assert trouble_of(store).startswith("the disk cannot be written")          # nor may the spool be, if it is large
    store.save(ended(ringing(7, RANG_IN + 7)))
    assert store.pending == 499
    small_disk(None)
    assert store.flush(60)
    assert (store.trouble, store.pending) == (None, 0)
    calls = kept(store)
    assert len(calls) == 500
    assert calls[7].outcome is Outcome.ABANDONED


def test_while_a_backup_locks_the_database_calls_wait_in_memory(store, path):
    store.save(ringing(0))
    store.flush(60)
    with closing(sqlite3.connect(path, isolation_level=None)) as backup:
        backup.execute("BEGIN EXCLUSIVE")
        store.save(ringing(1, RANG_IN + 1))
        assert trouble_of(store) == "another program has the database locked"
        backup.execute("ROLLBACK")
    assert store.flush(60)
    assert len(kept(store)) == 2


def test_a_database_that_is_locked_at_the_start_is_waited_for(path):
    with opened(path):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as backup:
        backup.execute("PRAGMA locking_mode = EXCLUSIVE")
        backup.execute("BEGIN EXCLUSIVE")
        with opened(path) as store:
            store.save(FULL)
            backup.close()
            assert store.flush(60)
            assert kept(store) == [FULL]


def test_closing_on_a_full_disk_says_that_not_all_was_written(path, small_disk):
    store = CallStore(path, batch_seconds=0.01, retry_seconds=0.05)
    small_disk(16 * 1024)
    for number in range(500):
        store.save(ringing(number))
    assert not store.close(0.3)


@pytest.mark.parametrize("damage", ["a torn header", "a torn page", "no database"])
def test_a_broken_database_is_set_aside_and_a_new_one_begins(path, damage):
    with opened(path) as store:
        for number in range(500):
            store.save(replace(FULL, call=CallId(f"pbx1/{number}"), arrived_at=RANG_IN + number))
    content = bytearray(path.read_bytes())
    if damage == "a torn header":
        content[:100] = bytes(100)
    elif damage == "a torn page":
        content[-4096:] = os.urandom(4096)
    else:
        content[:] = b"not a database, but some other text that is long enough to look at" * 20
    path.write_bytes(content)
    with opened(path) as store:
        store.checked()
        assert store.set_aside is not None
        assert store.set_aside.read_bytes() == content
        assert store.set_aside.name.startswith("slmon.db.broken-2")
        store.save(FULL)
        store.flush(60)
        assert kept(store) == [FULL]


def test_what_is_saved_while_the_database_is_looked_at_is_in_the_new_one_too(path, monkeypatch):
    with opened(path) as store:
        for number in range(5000):
            store.save(ringing(number, RANG_IN + number))
    content = bytearray(path.read_bytes())
    content[-4096:] = os.urandom(4096)
    path.write_bytes(content)
    look, may_look = schema._check, threading.Event()
    monkeypatch.setattr(schema, "_check", lambda db: may_look.wait(60) and look(db))
    with opened(path) as store:
        for record in (ringing(9000), ringing(9001), ended(ringing(9000))):
            store.save(record)
        assert store.flush(60)
        may_look.set()
        store.checked()
        assert store.set_aside is not None
        assert kept(store) == [ended(ringing(9000)), ringing(9001)]


def test_a_broken_database_is_spoken_of_until_a_person_takes_it_away(path):
    path.write_bytes(b"no database at all " * 100)
    with opened(path) as store:
        broken = store.set_aside
    assert broken is not None
    with opened(path) as store:
        assert store.set_aside == broken
        broken.rename(broken.with_name("elsewhere.db"))
        store.look_aside()
        assert store.set_aside is None


def test_what_a_broken_database_had_not_taken_in_yet_does_not_spill_into_the_new_one(store, path, tmp_path):
    store.save(FULL)
    store.flush(60)
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"torn" + path.read_bytes()[4:])
    journal = (tmp_path / "slmon.db-wal").read_bytes()
    (tmp_path / "broken.db-wal").write_bytes(journal)
    with opened(broken) as new:
        assert Path(f"{new.set_aside}-wal").read_bytes() == journal      # for a person to rescue calls from
        assert kept(new) == []


def test_a_database_that_breaks_while_it_runs_is_set_aside_and_what_waits_is_kept(store, path):
    for number in range(500):
        store.save(replace(FULL, call=CallId(f"pbx1/{number}"), arrived_at=RANG_IN + number))
    store.flush(60)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))
    store.save(ringing(9))
    assert store.flush(60)
    assert store.set_aside is not None
    assert kept(store) == [ringing(9)]


def test_a_database_that_is_removed_while_it_runs_is_said_and_what_comes_is_kept_in_a_new_one(store, path):
    store.save(ringing(1))
    store.flush(60)
    path.unlink()
    with capture_logs() as said:
        store.save(ringing(2))
        assert store.flush(60)
    assert kept(store) == [ringing(2)]
    assert [each["event"] for each in said] == [
        "the database was removed or replaced while slmon ran; what was saved before is not in it"]


def test_while_the_databases_folder_is_gone_calls_wait_elsewhere_and_come_back(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    store = CallStore(folder / "slmon.db", batch_seconds=0.01, retry_seconds=0.05, spool=tmp_path / "elsewhere")
    store.save(ringing(1))
    store.flush(60)
    folder.rename(tmp_path / "away")
    store.save(ringing(2))
    assert "its folder is not there" in trouble_of(store)
    (tmp_path / "away").rename(folder)
    assert store.flush(60)
    assert kept(store) == [ringing(1), ringing(2)]
    store.close()


def test_something_that_can_never_be_written_keeps_nothing_else_from_it(store):
    store.save(ringing(1))
    store.save(ringing(2, at=2**70))
    store.save(ringing(3))
    assert store.flush(60)
    assert (len(kept(store)), store.refused) == (2, 1)


def test_another_programs_database_is_left_alone(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE books (title)")
    with pytest.raises(StoreError, match="is another program's database; change"):
        CallStore(path)
    with pytest.raises(StoreError, match="is another program's database; change"):
        CallReader(path).check()


@pytest.mark.skipif(sys.platform != "linux", reason="a folder in which not even root can make a file")
def test_a_folder_that_takes_no_file_is_named():
    with pytest.raises(StoreError, match=r"/proc/slmon\.db\.lock: cannot be made"):
        CallStore(Path("/proc/slmon.db"))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"its folder is not there; make .*none"):
        CallStore(tmp_path / "none" / "slmon.db")


# ---- versions ----------------------------------------------------------------------------------------------------

def test_an_older_database_is_brought_up_to_date_with_its_calls(path):
    with opened(path) as store:
        store.save(FULL)
    with closing(sqlite3.connect(path)) as db:
        db.executescript("""
            DROP TABLE gaps; DROP TABLE unaccounted; DROP TABLE notes; DROP TABLE accounts; DROP TABLE corrections;
            DROP TABLE told; DROP TABLE audit;
            DELETE FROM _sqlite_migrations WHERE name > '001_calls';
            """)
    with pytest.raises(StoreError, match="is of an older slmon"):
        CallReader(path).check()
    with opened(path) as store:
        store.put_note("heard pbx1", "1")
        store.flush(60)
        assert (kept(store), store.note("heard pbx1"), store.gaps(0, RANG_IN)) == ([FULL], "1", [])


def test_a_newer_database_is_refused_untouched(path):
    with opened(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('slmon', '999_later', '')")
        db.commit()
    with pytest.raises(StoreError, match=r"was written by a newer slmon \(999_later\)"):
        CallStore(path)
    with pytest.raises(StoreError, match="newer slmon"):
        CallReader(path).check()


def test_each_step_of_the_schema_stands_on_the_one_before(tmp_path):
    names = [each.name for each in migrations.pending(Database(memory=True))]
    assert names == sorted(names)
    db = Database(tmp_path / "steps.db")
    for later in [*names[1:], ()]:
        migrations.apply(db, stop_before=later)
    assert {"calls", "steps", "transfers", "gaps", "unaccounted", "notes"} <= set(db.table_names())
    db.close()
