"""A small picture of a view's day so far, for pages elsewhere. Never green when the figures are not live."""

from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, tostring
from zoneinfo import ZoneInfo

from slmon.core.board import Snapshot
from slmon.core.goals import Standing, answer_within, standing
from slmon.core.hours import Phase
from slmon.core.instant import SECOND, as_datetime
from slmon.web.words import Words, decimals_that_tell

GREY, GREEN, RED, DARK = "#465460", "#0a5f3c", "#9c0f1c", "#1d2731"      # white on each is 7:1 or more
HEIGHT = 24
SIGN = 7.0          # about what a character is wide; the picture stretches the text to what was reckoned with
PAD = 9
COLOURS = {Standing.KEPT: GREEN, Standing.NOT_KEPT: RED}
MARKS = {Standing.KEPT: "✓ ", Standing.NOT_KEPT: "▼ "}


@dataclass(frozen=True, slots=True)
class Badge:
    """What it says, and in which colour."""

    label: str
    value: str
    colour: str


def badge(snapshot: Snapshot, zone: ZoneInfo, silent_after_seconds: float, speak: Words) -> Badge:
    """Today's share within the target and its number of calls; in words why there is none."""
    label = speak.gettext("Within %(n)s s today") % {"n": speak.whole(snapshot.goal.answer_seconds)}
    if not is_live(snapshot, silent_after_seconds):
        return Badge(label, speak.gettext("no live figures"), GREY)
    if snapshot.opening.phase is not Phase.OPEN:
        return Badge(label, speak.gettext("the phones are closed"), GREY)
    share = answer_within(snapshot.today)
    if share.share is None:
        return Badge(label, speak.gettext("no calls yet"), GREY)
    verdict = standing(share, snapshot.goal)
    figure = speak.share(share.share, decimals_that_tell(share.share, snapshot.goal.answer_share))
    count = speak.gettext("(%(part)s of %(of)s)") % {"part": speak.count(share.part), "of": speak.count(share.whole)}
    at = speak.gettext("at %(time)s") % {"time": speak.clock(_local(snapshot, zone))}
    return Badge(label, f"{MARKS.get(verdict, '')}{figure} {count} {at}", COLOURS.get(verdict, GREY))


def is_live(snapshot: Snapshot, silent_after_seconds: float) -> bool:
    """Whether every PBX is heard, and was heard of late."""
    if not snapshot.links or not all(link.up for link in snapshot.links):
        return False
    heard = max((link.last_event_at for link in snapshot.links if link.last_event_at is not None), default=None)
    silent = snapshot.opening.phase is Phase.OPEN and silent_after_seconds > 0
    return not silent or (heard is not None and (snapshot.at - heard) / SECOND <= silent_after_seconds)


def drawn(what: Badge) -> bytes:
    """The badge as SVG."""
    left, right = _width(what.label), _width(what.value)
    svg = Element("svg", xmlns="http://www.w3.org/2000/svg", width=f"{left + right:g}", height=str(HEIGHT), role="img")
    svg.set("aria-label", f"{what.label}: {what.value}")
    SubElement(svg, "title").text = f"{what.label}: {what.value}"
    SubElement(svg, "rect", width=f"{left + right:g}", height=str(HEIGHT), rx="4", fill=what.colour)
    SubElement(svg, "path", d=f"M4 0H{left:g}V{HEIGHT}H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z", fill=DARK)
    texts = SubElement(svg, "g", {"fill": "#fff", "font-size": "13",
                                  "font-family": "Segoe UI, Verdana, DejaVu Sans, sans-serif"})
    for text, x in ((what.label, PAD), (what.value, left + PAD)):
        written = SubElement(texts, "text", x=f"{x:g}", y="16.5", textLength=f"{_width(text) - 2 * PAD:g}")
        written.text = text
    picture: bytes = tostring(svg, encoding="utf-8", xml_declaration=True)
    return picture


def _width(text: str) -> float:
    return round(len(text) * SIGN + 2 * PAD)


def _local(snapshot: Snapshot, zone: ZoneInfo) -> datetime:
    return as_datetime(snapshot.at).astimezone(zone)
