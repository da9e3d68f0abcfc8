"""Which gaps the logs have filled: from a log's first row to its last, but for where rows of it may be missing."""

from contextlib import closing
from dataclasses import replace

import pytest
from counting import work
from recorded import FOLDER, recording
from test_backfill import LOGS, call, heard
from test_mending import backfill, house, stored
from test_mending import heard as stored_heard

from slmon.backfill.cdr import cdr_accounts
from slmon.backfill.cel import cel_accounts
from slmon.backfill.sources import Sources, gathered
from slmon.core.account import BEGINNING, END
from slmon.core.coverage import Coverage, GapTold, Told, joined, told_of
from slmon.core.facts import GapMarked, Quality
from slmon.core.instant import SECOND
from slmon.store.calls import CallStore
from slmon.store.reader import CallReader


def told(since, until, source=Quality.CEL):
    return GapTold("pbx1", since, until, source)


def spans(*moments):
    """Coverage of rows at these moments; None: rows may be missing here."""
    coverage = Coverage()
    for at in moments:
        if at is None:
            coverage.torn()
        else:
            coverage.row(at)
    return coverage.spans


def test_a_log_speaks_from_its_first_row_to_its_last_but_not_where_it_is_torn():
    assert spans() == ()
    assert spans(5, 9, 8, 12) == ((5, 12),)
    assert spans(5, 9, 8, 12, 11) == ((5, 12),)
    assert spans(None, 5, 9, None, None, 20, 21, None) == ((5, 9), (20, 21))


@pytest.mark.parametrize(("told_spans", "filled"), [
    ([], False), ([(0, 9), (21, 30)], False), ([(0, 30)], True), ([(10, 20)], True), ([(11, 20)], False),
    ([(10, 19)], False), ([(0, 14), (15, 30)], True), ([(0, 13), (15, 30)], False),
    ([(15, 30), (0, 12), (12, 13)], False), ([(0, 5), (8, 25), (40, 50)], True),
])
def test_a_gap_is_filled_where_all_of_it_is_told(told_spans, filled):
    assert Told(told(*each) for each in told_spans).by(10, 20) is (Quality.CEL if filled else None)


def test_the_better_source_has_filled_a_gap_and_two_together_are_mixed():
    both = [told(0, 30, Quality.CDR), told(0, 30)]
    assert Told(both).by(10, 20) is Quality.CEL
    assert Told([told(0, 15, Quality.CDR), told(0, 12), told(14, 30)]).by(10, 20) is Quality.MIXED
    assert Told(both[:1]).by(10, 20) is Quality.CDR
    assert Told(both).by(10, None) is None


def test_of_a_span_before_all_that_is_kept_nothing_is_told_and_of_one_without_end_as_far_as_the_log_goes():
    assert told_of("pbx1", [(BEGINNING, 5), (10, 20), (40, END)], (0, 50), Quality.CEL) == [told(10, 20), told(40, 50)]
    assert joined([(1, 2), (3, 4), (9, 9), (8, 12)]) == ((1, 4), (8, 12))


def covered(name, tmp_path):
    found, gaps = heard(name, tmp_path)
    of = recording(name)
    sources = Sources(**{kind: (FOLDER / name / LOGS[kind],) for kind in LOGS})
    return gaps, gathered(sources, of.board(), of.config.phone_hours().is_open, of.config.site.zone, found.calls, gaps)


def test_cel_has_filled_a_gap_in_which_the_pbx_went_on(tmp_path):
    gaps, found = covered("reconnect", tmp_path)
    assert found.of_gaps("pbx1", gaps)[0] == told(*gaps[1])


def test_no_log_has_filled_a_gap_in_which_the_pbx_died_for_its_last_rows_may_be_missing(tmp_path):
    gaps, found = covered("restart", tmp_path)
    (_, died), (back, _) = found.cel.spans
    assert (died <= gaps[1][0], back >= gaps[1][1]) == (True, True)
    assert all(since > gaps[1][0] + 4 * SECOND for since, _ in found.cdr.spans)
    assert Told(found.of_gaps("pbx1", gaps)).by(*gaps[1]) is None


def test_a_line_that_cannot_be_read_may_have_been_a_call():
    coverage = Coverage()
    one, two = call("10.5", "12.5", "14.5"), call("20.5", "22.5", "24.5")
    two = [line.replace(b"pbx1-1.", b"pbx1-9.") for line in two]
    cel_accounts([*one, b"torn\n", b"\n", *two], recording("smoke").board(), lambda record: True, coverage=coverage)
    assert coverage.spans == ((10_500_000, 14_500_000), (20_500_000, 24_500_000))


def test_where_no_context_is_a_door_cdr_tells_of_nobody():
    doors = recording("smoke").board().doors
    row = (b'"","1","2","from-trunk","","PJSIP/trunk-1","","Dial","","2026-11-23 08:00:00",,"2026-11-23 08:00:09",9,0,'
           b'"NO ANSWER","","1795420800.1","","","1795420800.1",1\n')
    for known, count in ((doors, 1), (replace(doors, contexts=frozenset()), 0)):
        coverage = Coverage()
        cdr_accounts([row], "pbx1", known, lambda at: True, recording("smoke").config.site.zone, {}, coverage=coverage)
        assert len(coverage.spans) == count


def test_a_gap_that_backfill_has_filled_says_by_what_and_when(tmp_path):
    stored_heard("reconnect", tmp_path)
    reader = CallReader(tmp_path / "slmon.db")
    assert [gap.told_by for gap in reader.gaps(0, END)] == [None]
    backfill(house("reconnect", tmp_path), "reconnect", "cel", dry_run=True)
    assert [gap.told_by for gap in reader.gaps(0, END)] == [None]
    backfill(house("reconnect", tmp_path), "reconnect", "cel")
    (gap,) = reader.gaps(0, END)
    assert gap.told_by is Quality.CEL
    first = reader.told(0, END)
    assert all(each.told_at is not None for each in first)
    backfill(house("reconnect", tmp_path), "reconnect", *LOGS)
    assert [each for each in reader.told(0, END) if each.source is Quality.CEL] == first
    assert stored(tmp_path)


def test_what_is_told_bit_by_bit_is_kept_as_one(tmp_path):
    with_gap = GapMarked("pbx1", 10, 20, "link down")
    store = CallStore(tmp_path / "slmon.db")
    store.mark_gap(with_gap)
    for since, until in ((10, 12), (16, 20), (13, 15), (11, 14)):
        store.mark_told(told(since, until), 100)
        store.mark_told(told(since, until, Quality.CDR), 100 + since)
    store.close()
    assert store.told(0, END) == [GapTold("pbx1", 10, 20, Quality.CDR, 113), GapTold("pbx1", 10, 20, Quality.CEL, 100)]
    assert store.gaps(0, END) == [replace(with_gap, told_by=Quality.CEL)]


def test_twice_as_many_gaps_that_a_log_has_filled_are_twice_the_work_to_read(tmp_path):
    with closing(CallStore(tmp_path / "slmon.db")) as store:
        costs = []
        for number in range(400):
            since = 10 * number * SECOND
            store.mark_gap(GapMarked("pbx1", since, since + SECOND, "cut"))
            store.mark_told(told(since, since + SECOND), since)
            if number in (199, 399):
                store.flush(60)
                costs.append(work(lambda: store.gaps(0, END)))
        assert {gap.told_by for gap in store.gaps(0, END)} == {Quality.CEL}
    assert costs[1] < 2.5 * costs[0]
