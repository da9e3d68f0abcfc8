"""`slmon replay`: captures in, calls and figures out."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from slmon.backfill.cel_form import forms_of
from slmon.backfill.sources import Sources, gathered
from slmon.commands.output import progress, write_lines
from slmon.config import Config, Pbx
from slmon.core.account import unwatched
from slmon.core.facts import CallId, CallRecord, CallUnaccounted, Fact, GapMarked, OddityNoticed, Outcome
from slmon.core.goals import FORMULAS, Goals, Share, answer_within, transfer_rate
from slmon.core.hours import Hours
from slmon.core.instant import Instant, iso, seconds_between
from slmon.core.reconcile import reconciled
from slmon.core.retold import recounted
from slmon.core.switchboard import Switchboard
from slmon.core.tally import Tally, bounds_with, merged
from slmon.privacy import call_json, json_line
from slmon.replay import Replay, replay, without_times

NO_SOURCES = Sources()


class UnknownPbx(Exception):
    """There is no such [[pbx]]; the message names those that there are."""


def pbx_of(config: Config, name: str | None) -> Pbx:
    """The [[pbx]] of that name, or the first."""
    for pbx in config.pbx:
        if name in (None, pbx.name):
            return pbx
    raise UnknownPbx(f"--pbx: there is no [[pbx]] named {name}; there is {', '.join(pbx.name for pbx in config.pbx)}")


class _Heard:
    """What was odd or missing on the way."""

    def __init__(self) -> None:
        self.oddities: Counter[str] = Counter()
        self.unaccounted: dict[CallId, str] = {}
        self.unread: Counter[str] = Counter()
        self._gaps: dict[Instant, GapMarked] = {}

    @property
    def gaps(self) -> list[GapMarked]:
        """In their order; one that goes on to the end has no end."""
        return list(self._gaps.values())

    def hear(self, fact: Fact) -> None:
        match fact:
            case OddityNoticed(kind=kind):
                self.oddities[kind] += 1
            case CallUnaccounted(call=call, reason=reason):
                self.unaccounted[call] = reason
            case GapMarked(since=since):
                self._gaps[since] = fact
            case _:
                pass


def run_replay(config: Config, captures: Sequence[Path], pbx_name: str | None, calls: Path | None,
               summary: Path | None, caller_clear: bool, sources: Sources = NO_SOURCES) -> bool:
    """Replay, write what was asked for, and say the figures on a terminal; False when a capture was not whole.

    Raises CaptureError, SourceError, UnknownPbx, OSError.
    """
    pbx = pbx_of(config, pbx_name)
    hours = config.phone_hours()
    goals = config.phone_goals(hours)
    switchboard = Switchboard(pbx.name, config.doors(pbx), goals.goal_at, hours.is_open)
    heard = _Heard()
    total = sum(path.stat().st_size for path in captures if path.is_file() and path.suffix not in {".xz", ".gz"})
    with progress(total, "replaying") as bar:
        found = replay(captures, switchboard, heard.hear, bar.advance)
    if sources.files:
        with progress(sources.size, "reading logs") as bar:
            _reconcile(found, heard, sources, config, pbx, bar.advance)
    if calls is not None:
        write_lines(calls, (_line(config, goals, record, caller_clear, found.dated) for record in found.calls))
    tally = _tally(found, goals, hours)
    if summary is not None:
        write_lines(summary, [json.dumps(_summary(tally, found, heard), indent=2, ensure_ascii=False) + "\n"])
    _say(tally, found, heard)
    return not found.not_whole


def _reconcile(found: Replay, heard: _Heard, sources: Sources, config: Config, pbx: Pbx,
               advance: Callable[[int], None]) -> None:
    """Mend what went through the gaps between the captures with what the PBX's own logs tell."""
    hours = config.phone_hours()
    board = Switchboard(pbx.name, config.doors(pbx), config.phone_goals(hours).goal_at, hours.is_open)
    spans = unwatched([(gap.since, gap.until) for gap in heard.gaps], found.began_at, found.ended_at)
    sources = replace(sources, cel_forms=forms_of(pbx.cel_format))
    told = gathered(sources, board, hours.is_open, config.site.zone, found.calls, spans, advance)
    heard.unread = told.unread
    heard_live = {record.call for record in found.calls}
    found.calls = [record for record in reconciled(found.calls, told.accounts, spans)
                   if record.call in heard_live or found.began_at <= record.arrived_at <= found.ended_at]
    for record in found.calls:
        if record.outcome is Outcome.LOST:
            heard.unaccounted.setdefault(record.call, "lost")
        else:
            heard.unaccounted.pop(record.call, None)


def _line(config: Config, goals: Goals, record: CallRecord, clear: bool, dated: bool) -> str:
    if not clear:
        record = replace(record, caller=None)            # without the key, which no replay needs, nobody is known
    queues = {queue for view in config.views for queue in view.queues}
    found = call_json(record, goals.goal_at(record.arrived_at), caller_clear=clear,
                      person_figures=config.privacy.person_figures, doors=config.doors(record.pbx),
                      groups=config.groups, queues=queues, minimum_group=config.privacy.minimum_group)
    return json_line(found if dated else without_times(found))


def _tally(found: Replay, goals: Goals, hours: Hours) -> Tally:
    """What the calls come to; an open one is judged as far as the capture goes."""
    bounds = bounds_with(goals.targets)
    return merged(recounted(record, goals, hours, bounds, found.ended_at).tally() for record in found.calls)


def _share(share: Share) -> dict[str, object]:
    return {"share": share.share, "part": share.part, "of": share.whole, "undecided": share.unknown + share.untold,
            "bounds": share.bounds, "interval95": share.interval}


def _summary(tally: Tally, found: Replay, heard: _Heard) -> dict[str, object]:
    outcomes = Counter(str(record.outcome) if record.outcome else "open" for record in found.calls)
    return {
        "calls": len(found.calls),
        "calls_in_hours": tally.calls,
        "outcomes": dict(sorted(outcomes.items())),
        "offered": tally.offered, "met": tally.met, "missed": tally.missed, "undecided": tally.undecided,
        "answered": tally.answered, "transferred": tally.transferred,
        "transfers": dict(sorted(tally.transfers.items())),
        "longest_answer_seconds": tally.longest_answer_seconds,
        "service_level": {name: _share(formula(tally)) for name, formula in FORMULAS.items()},
        "transfer_rate": _share(transfer_rate(tally)),
        "gaps": [{"since": iso(gap.since), "until": iso(gap.until), "reason": gap.reason} for gap in heard.gaps],
        "unaccounted": dict(sorted(Counter(heard.unaccounted.values()).items())),
        "oddities": dict(sorted(heard.oddities.items())),
        "damaged_messages": len(found.damaged),
        "connections_cut_in_a_message": found.cut,
        "times_known": found.dated,
    }


def _say(tally: Tally, found: Replay, heard: _Heard) -> None:
    """The figures for whoever sits at the terminal, on standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not found.calls and not found.dated:
        console.print("slmon: warning: no event was found in the captures")
    elif not found.dated:
        console.print("slmon: warning: the captures tell no time: set timestampevents = yes in manager.conf; "
                      "times and verdicts are unknown")
    for words in found.not_whole:
        console.print(f"slmon: {words}; what could be read of it was replayed", markup=False)
    if found.cut:
        ends = "ends" if found.cut == 1 else "end"
        console.print(f"slmon: warning: {found.cut} of the captures {ends} in the middle of a message; what it said "
                      "is lost")
    for reason, count in Counter(found.damaged).items():
        console.print(f"slmon: warning: {count} damaged messages set aside: {reason}", markup=False)
    for kind, count in heard.unread.items():
        console.print(f"slmon: warning: {count} lines of the {kind} cannot be read and were left out")
    for gap in heard.gaps:
        if gap.until is not None:
            console.print(f"slmon: warning: nothing is known of {seconds_between(gap.since, gap.until):.1f} s from "
                          f"{iso(gap.since)}: {gap.reason}", markup=False)
    if not console.is_terminal:
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    rows = [("member calls", str(len(found.calls))), ("offered", str(tally.offered)),
            ("answered within the target", _in_words(answer_within(tally))),
            ("undecided", str(tally.undecided)), ("answered", str(tally.answered)),
            ("passed on", _in_words(transfer_rate(tally))),
            ("longest answer time", f"{tally.longest_answer_seconds:.1f} s" if tally.answered else "–"),
            ("unaccounted for", str(len(heard.unaccounted)))]
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _in_words(share: Share) -> str:
    return "–" if share.share is None else f"{share.share:.1%} ({share.part} of {share.whole})"
