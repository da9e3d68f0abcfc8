"""The spool: what the database cannot take is on disk beside it, survives a kill, and comes in once and in order."""

import os
import resource
import shutil
import signal
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from test_store import FULL, KEY, RANG_IN, ended, kept, ringing, started, trouble_of

from slmon.core.account import Account
from slmon.core.facts import CallUnaccounted, GapMarked, Quality
from slmon.core.instant import SECOND
from slmon.store import calls
from slmon.store.calls import CallStore
from slmon.store.kept import Mend, Note, Purge, from_line, to_line
from slmon.store.mending import Mended
from slmon.store.spool import places

ACCOUNT = Account(Quality.CEL, FULL, slack=SECOND, whole=True)
MEND = Mended(FULL, replace(FULL, ended_at=None), ringing(7), (ACCOUNT,))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "slmon.db"


@contextmanager
def opened(path: Path, in_memory: int = 10_000):
    path.parent.mkdir(exist_ok=True)
    store = CallStore(path, KEY, batch_seconds=0.01, retry_seconds=0.05, spool=path.parent.parent, in_memory=in_memory)
    try:
        yield store
    finally:
        store.close(0.2)


@contextmanager
def locked(path: Path):
    """Another program has the database, as a backup tool may."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def spooled(store: CallStore, count: int) -> bool:
    """Whether so many things come to lie in the spool."""
    for _ in range(600):
        if store.spooled == count:
            return True
        store.flush(0.05)
    return False


def files(path: Path) -> list[Path]:
    return [place for place in places(path, path.parent.parent) if place.is_file()]


def with_calls_in_the_spool(path: Path, calls: int) -> list[Path]:
    """A slmon that could not save them has ended."""
    with opened(path) as store, locked(path):
        for number in range(calls):
            store.save(ringing(number, RANG_IN + number))
        assert spooled(store, calls)
        store.close(0.1)
    return files(path)


@pytest.mark.parametrize("item", [
    FULL, ringing(), GapMarked("pbx1", RANG_IN, None, "Størk \udcf8"), CallUnaccounted(FULL.call, RANG_IN, "gap"),
    Note("heard pbx1", "1"), Purge(RANG_IN), ACCOUNT, Mend(MEND, RANG_IN), Mend(replace(MEND, stored=None), RANG_IN)],
    ids=lambda item: type(item).__name__)
def test_whatever_is_kept_comes_back_from_its_line(item):
    assert from_line(to_line(item)) == item


@pytest.mark.parametrize("line", ["", "{}", "[]", '["call"]', '["call", "{}"]', '["note", 1, 2]', "[\0]"])
def test_a_line_that_is_nothing_of_ours_is_told_as_such(line):
    with pytest.raises(ValueError, match=r"."):
        from_line(line)


def test_what_cannot_be_saved_is_on_disk_and_saved_when_it_can_be(path):
    with opened(path) as store:
        with locked(path):
            store.save(replace(ringing(1), caller="12345678"))
            store.save(ringing(2))
            assert spooled(store, 2)
            (file,) = files(path)
            assert file == Path(f"{path}.spool")
            assert file.stat().st_mode & 0o077 == 0
            assert b"12345678" not in file.read_bytes()
            store.save(ended(ringing(2)))
            assert spooled(store, 3)
            assert store.pending == 3
        assert store.flush(60)
        assert kept(store) == [replace(ringing(1), caller=KEY.pseudonym("12345678")), ended(ringing(2))]
        assert (files(path), store.pending, store.trouble) == ([], 0, None)


def test_what_was_spooled_is_there_after_a_kill_as_soon_as_the_store_is_open(path):
    with opened(path):
        pass
    with locked(path):
        child = started(path, """
            for number in range(500):
                store.save(CallRecord(CallId(f"pbx1/{number}"), "pbx1", 1_000_000 * number))
            while store.spooled < 500:
                time.sleep(0.01)
            print("spooled", flush=True)
            time.sleep(60)
            """)
        assert "spooled\n" in iter(child.stdout.readline, "")
        child.send_signal(signal.SIGKILL)
        child.communicate()
    with opened(path) as store:
        assert len(kept(store)) == 500
        assert (store.pending, files(path)) == (0, [])


def test_where_the_databases_folder_cannot_be_written_the_spool_lies_elsewhere(path):
    Path(f"{path}.spool").mkdir(parents=True)
    (elsewhere,) = with_calls_in_the_spool(path, 10)
    assert elsewhere.parent != path.parent
    with opened(path) as store:
        assert len(kept(store)) == 10
    assert files(path) == []


def test_once_elsewhere_later_items_never_go_before_earlier_ones(path):
    beside = Path(f"{path}.spool")
    beside.mkdir(parents=True)
    with opened(path) as store:
        with locked(path):
            store.save(ringing(1))
            assert spooled(store, 1)
            beside.rmdir()
            store.save(ended(ringing(1)))
            assert spooled(store, 2)
            assert not beside.exists()
        assert store.flush(60)
        assert kept(store) == [ended(ringing(1))]


def test_where_nothing_can_be_written_no_empty_spool_is_left(path):
    with opened(path) as store, locked(path):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, limits[1]))
        try:
            store.save(replace(FULL, line="x" * 20_000))
            assert "the spool cannot be written either" in (trouble_of(store) or "")
            assert files(path) == []
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_link_that_somebody_planted_for_the_spool_is_not_followed(path):
    victim = path.parent.parent / "victim"
    victim.write_text("untouched")
    Path(f"{path}.spool").mkdir(parents=True)
    places(path, path.parent.parent)[1].symlink_to(victim)
    with opened(path) as store, locked(path):
        store.save(FULL)
        assert "the spool cannot be written either" in (trouble_of(store) or "")
    assert victim.read_text() == "untouched"


def test_a_spool_that_comes_back_after_it_was_taken_in_changes_nothing(path):
    (spool,) = with_calls_in_the_spool(path, 3)
    again = shutil.copy(spool, path.parent / "again")
    with opened(path) as store:
        store.save(ended(ringing(1, RANG_IN + 1)))
    shutil.move(again, spool)                              # a power cut, and the removal was not on disk
    with opened(path) as store:
        assert kept(store)[1] == ended(ringing(1, RANG_IN + 1))
        assert (store.pending, files(path)) == (0, [])


@pytest.mark.parametrize("cut", [1, 30])
def test_a_line_that_a_kill_cut_short_costs_itself_only(path, cut, monkeypatch):
    monkeypatch.setattr(calls, "SPOOL_SECONDS", 0.1)
    (spool,) = with_calls_in_the_spool(path, 3)
    spool.write_bytes(spool.read_bytes()[:-cut])
    with locked(path), opened(path) as store:
        store.save(ringing(9, RANG_IN + 9))
        assert spooled(store, 4)
        store.close(0.1)
    with opened(path) as store:
        found = [record.call.rpartition(".")[2] for record in kept(store)]
    assert found == ["0", "1", "2", "9"] if cut == 1 else ["0", "1", "9"]


def test_what_a_spool_holds_goes_into_the_new_database_when_the_old_one_broke(path):
    with_calls_in_the_spool(path, 3)
    path.write_bytes(os.urandom(8192))
    with opened(path) as store:
        assert store.set_aside is not None
        assert len(kept(store)) == 3


def test_a_correction_that_is_written_twice_is_there_once(path):
    with opened(path) as store:
        for _ in range(2):
            store.mend(MEND, RANG_IN)
            store.flush(60)
        assert [each.field for each in store.corrections(FULL.call)] == ["ended_at"]


def test_with_room_nowhere_the_oldest_calls_go_are_counted_and_their_time_is_a_gap(path):
    for place in places(path, path.parent.parent):
        place.mkdir(parents=True)
    with opened(path, in_memory=10) as store:
        with locked(path):
            trouble_of(store)
            store.put_note("heard pbx1", "1")
            for number in range(30):
                store.save(ringing(number, RANG_IN + number * SECOND))
            for _ in range(600):
                if store.dropped >= 20 or store.flush(0.05):
                    break
            assert "20 calls are lost" in (store.trouble or "")
            assert store.pending == 12                     # ten calls, the note, and word of the gap
        assert store.flush(60)
        assert [record.arrived_at for record in kept(store)] == [RANG_IN + number * SECOND for number in range(20, 30)]
        assert store.gaps(0, RANG_IN * 2) == [
            GapMarked("pbx1", RANG_IN, RANG_IN + 19 * SECOND, "could not be saved")]
        assert (store.note("heard pbx1"), store.trouble) == ("1", None)
