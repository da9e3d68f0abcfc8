"""Each day's result in a sentence, as an Atom feed for readers and intranets. Draws figures; counts nothing."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring
from zoneinfo import ZoneInfo

from slmon.core.board import Day
from slmon.core.goals import Standing, answer_within, standing, transfer_rate
from slmon.core.site import View
from slmon.web.period import Kind, around
from slmon.web.words import Words, decimals_that_tell

ATOM = "http://www.w3.org/2005/Atom"
TYPE = "application/atom+xml"
register_namespace("", ATOM)


def feed(house: str, view: View, days: Sequence[Day], now: datetime, front: str, speak: Words) -> bytes:
    """The days that are over, newest first. `front`: the address of the front page, with a slash at its end."""
    today = now.date()
    told = sorted((day for day in days if day.date < today and day.tally.offered + day.tally.undecided),
                  key=lambda day: day.date, reverse=True)
    root = Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": speak.language})
    _text(root, "id", _id(house, view.name))
    _text(root, "title", f"{speak.gettext('Service goals')} · {view.title} · {house}")
    _text(root, "updated", _over(told[0], now) if told else _midnight(now))
    _text(SubElement(root, f"{{{ATOM}}}author"), "name", house)
    _link(root, "alternate", f"{front}goals/{_quoted(view.name)}")
    _link(root, "self", f"{front}feed/{_quoted(view.name)}.atom")
    for day in told:
        entry = SubElement(root, f"{{{ATOM}}}entry")
        _text(entry, "id", _id(house, view.name, day.date.isoformat()))
        _text(entry, "title", headline(view, day, speak))
        _text(entry, "updated", _over(day, now))
        _link(entry, "alternate", f"{front}goals/{_quoted(view.name)}?period={day.date.isoformat()}")
        _text(entry, "content", sentence(day, speak))
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def headline(view: View, day: Day, speak: Words) -> str:
    """The day and its result, as a list of news shows it."""
    answered = answer_within(day.tally)
    return speak.gettext("%(day)s: %(share)s within %(goal)s s (%(part)s of %(of)s)") % {
        "day": f"{view.title}, {speak.dates(around(day.date, Kind.DAY))}",
        "share": speak.share(answered.share, decimals_that_tell(answered.share, day.goal.answer_share)),
        "goal": speak.whole(day.goal.answer_seconds), "part": speak.count(answered.part),
        "of": speak.count(answered.whole)}


def sentence(day: Day, speak: Words) -> str:
    """What the day came to, and what makes it less than sure."""
    answered, transferred, goal = answer_within(day.tally), transfer_rate(day.tally), day.goal
    limits = {"seconds": speak.whole(goal.answer_seconds), "goal": speak.limit(goal.answer_share)}
    parts = [speak.gettext("%(share)s of the calls were answered within %(seconds)s seconds (%(part)s of %(of)s).") % {
        **limits, "share": speak.share(answered.share, decimals_that_tell(answered.share, goal.answer_share)),
        "part": speak.count(answered.part), "of": speak.count(answered.whole)}]
    match standing(answered, goal):
        case Standing.KEPT:
            parts.append(speak.gettext("The goal of %(goal)s was kept.") % limits)
        case Standing.NOT_KEPT:
            parts.append(speak.gettext("The goal of %(goal)s was not kept.") % limits)
        case _:
            pass                   # too few calls, or unclear: a figure and no verdict
    if transferred.whole:
        decimals = decimals_that_tell(transferred.share, goal.transfer_good, goal.transfer_ceiling)
        parts.append(speak.gettext("%(share)s were transferred (%(part)s of %(of)s).") % {
            "share": speak.share(transferred.share, decimals), "part": speak.count(transferred.part),
            "of": speak.count(transferred.whole)})
    if day.tally.undecided:
        parts.append(speak.ngettext("%(n)s call is undecided.", "%(n)s calls are undecided.", day.tally.undecided)
                     % {"n": speak.count(day.tally.undecided)})
    if day.gap_seconds >= 1:
        parts.append(speak.gettext("For %(n)s min. nothing was heard from the telephone system.")
                     % {"n": speak.count(max(1, round(day.gap_seconds / 60)))})
    return " ".join(parts)


def _id(*names: str) -> str:
    """The same for ever, whatever address it is read at."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, 'slmon feed ' + '/'.join(names))}"


def _over(day: Day, now: datetime) -> str:
    assert isinstance(now.tzinfo, ZoneInfo)
    return datetime.combine(day.date + timedelta(days=1), time(), now.tzinfo).isoformat()


def _midnight(now: datetime) -> str:
    return datetime.combine(now.date(), time(), now.tzinfo).isoformat()


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, f"{{{ATOM}}}{name}").text = text


def _link(parent: Element, kind: str, address: str) -> None:
    SubElement(parent, f"{{{ATOM}}}link", rel=kind, href=address)


def _quoted(name: str) -> str:
    return quote(name, safe="")
