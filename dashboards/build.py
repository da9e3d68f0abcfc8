"""Write slmon.json, the Grafana dashboard, from the panels below: `python dashboards/build.py`.

The dashboard finds its Prometheus by the `datasource` variable, so it can be provisioned from a file as it is. The
goals are queried (slmon_goal_*), never written here; "today" is the dashboard's own time range, `now/d` to `now`.
"""

import json
from pathlib import Path
from typing import Any

JSON = Path(__file__).with_name("slmon.json")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
CALLS = 'pbx=~"$pbx",line=~"$line",queue=~"$queue"'
WIDTH = 24
GREY, GREEN, AMBER, RED, BLUE = "text", "green", "orange", "red", "blue"


def increase(metric: str, window: str = "$__range", **labels: str) -> str:
    """How much a counter of calls grew in the window, over the chosen PBXes, lines and queues."""
    more = "".join(f',{name}="{value}"' for name, value in labels.items())
    return f"sum(increase({metric}{{{CALLS}{more}}}[{window}]))"


def answer_within(window: str = "$__range") -> str:
    """The official service level; no value where nothing was offered."""
    met = increase("slmon_calls_judged_total", window, verdict="met")
    return f"{met} / ({increase('slmon_calls_offered_total', window)} > 0)"


def transfer_rate(window: str = "$__range") -> str:
    """Transferred over answered calls; no value where nothing was answered."""
    answered = increase("slmon_calls_answered_total", window)
    return f"{increase('slmon_calls_transferred_total', window)} / ({answered} > 0)"


ANSWER_GOAL = "max(slmon_goal_answer_share)"
TRANSFER_GOOD = 'max(slmon_goal_transfer_share{bound="good"})'
TRANSFER_CEILING = 'max(slmon_goal_transfer_share{bound="ceiling"})'
ANSWER_WORDS = {0: ("Below goal", RED), 1: ("Kept", GREEN)}
TRANSFER_WORDS = {0: ("Good", GREEN), 1: ("Attention", AMBER), 2: ("Over ceiling", RED)}
YES_NO = {0: ("Closed", GREY), 1: ("Open", GREEN)}
LINK = {0: ("Down", RED), 1: ("Up", GREEN)}

Panel = dict[str, Any]


def target(expr: str, legend: str = "", **more: Any) -> dict[str, Any]:
    """One query."""
    return {"datasource": SOURCE, "expr": expr, "legendFormat": legend or "__auto", **more}


def mapped(words: dict[int, tuple[str, str]]) -> list[dict[str, Any]]:
    """Numbers shown as words in colour."""
    options = {str(value): {"text": text, "color": colour, "index": value} for value, (text, colour) in words.items()}
    return [{"type": "value", "options": options}]


def panel(kind: str, title: str, description: str, *targets: dict[str, Any], width: int = 6, height: int = 7,
          unit: str = "short", **more: Any) -> Panel:
    """Any panel. Without data it shows a dash: nothing measured is neither nought nor a hundred per cent."""
    defaults = {"unit": unit, "noValue": "–", "color": {"mode": "fixed", "fixedColor": GREY},
                **more.pop("defaults", {})}
    return {"type": kind, "title": title, "description": description, "datasource": SOURCE,
            "targets": [{**each, "refId": chr(ord("A") + index)} for index, each in enumerate(targets)],
            "fieldConfig": {"defaults": defaults, "overrides": more.pop("overrides", [])},
            "gridPos": {"w": width, "h": height}, **more}


def figure(title: str, description: str, *targets: dict[str, Any], words: dict[int, tuple[str, str]] | None = None,
           **more: Any) -> Panel:
    """A number, or a word where `words` says what a number means. `increase` may tell fractions; calls are whole."""
    defaults: dict[str, Any] = {"mappings": mapped(words)} if words else {}
    if more.get("unit", "short") == "short":
        defaults["decimals"] = 0
    options = {"colorMode": "background_solid" if words else "value", "graphMode": "none", "textMode": "auto",
               "reduceOptions": {"calcs": ["lastNotNull"]}}
    more = {"width": 4, "height": 4, **more}
    return panel("stat", title, description, *(dict(each, instant=True) for each in targets), defaults=defaults,
                 options=options, **more)


def graph(title: str, description: str, *targets: dict[str, Any], dashed: tuple[str, ...] = (), stacked: bool = False,
          bars: bool = False, **more: Any) -> Panel:
    """Lines over time; the goals among them dashed."""
    custom = {"drawStyle": "bars" if bars else "line", "fillOpacity": 60 if bars else 10, "spanNulls": False,
              "stacking": {"mode": "normal" if stacked else "none"}}
    overrides = [{"matcher": {"id": "byName", "options": name},
                  "properties": [{"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
                                 {"id": "custom.fillOpacity", "value": 0}]} for name in dashed]
    return panel("timeseries", title, description, *targets, overrides=overrides,
                 defaults={"color": {"mode": "palette-classic"}, "custom": custom, "min": 0},
                 options={"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
                 **{"width": 12, "height": 8, **more})


NOW = [
    figure("Phones", "Whether the phones are open now, by the site's hours and holidays.",
           target("max(slmon_open)"), words=YES_NO),
    figure("Waiting", "Members who wait for a human now. Greeting and menu come before that.",
           target(f"sum(slmon_waiting_calls{{{CALLS}}})")),
    figure("Longest wait", "The longest wait of a member who waits now, from ring-in: the member's clock.",
           target(f"max(slmon_longest_wait_seconds{{{CALLS}}})"), unit="s"),
    figure("Talking", "Members who talk with a caseworker now, hold included.",
           target(f"sum(slmon_talking_calls{{{CALLS}}})")),
    figure("Event stream", "Whether every chosen PBX is heard. While one is not, the other figures are incomplete.",
           target('min(slmon_pbx_up{pbx=~"$pbx"})'), words=LINK),
    figure("Last heard", "When the chosen PBX that has been silent the longest said something, by its own clock.",
           target('1000 * min(slmon_pbx_last_event_timestamp_seconds{pbx=~"$pbx"} > 0)'), unit="dateTimeFromNow"),
    graph("Longest wait and target", "Above the dashed line somebody waits longer than promised.",
          target(f"max(slmon_longest_wait_seconds{{{CALLS}}})", "longest wait"),
          target("max(slmon_goal_answer_seconds)", "target"), dashed=("target",), unit="s"),
    graph("Desks", "Desks by state, of all groups. Groups of too few people are left out.",
          target("sum by (state) (slmon_desks)", "{{state}}"), stacked=True),
]

TODAY = [
    figure("Answered within the target", "met / (met + missed) of calls that rang in in opening hours and asked for a "
           "human, in the dashboard's time range. Undecided calls are in neither.",
           target(answer_within()), unit="percentunit", width=5),
    figure("Answer goal", "Against today's goal. Read it with the number of calls beside it.",
           target(f"({answer_within()}) >= bool {ANSWER_GOAL}"), words=ANSWER_WORDS),
    figure("Offered calls", "Calls with a verdict met or missed: the n of the service level.",
           target(increase("slmon_calls_offered_total")), width=3),
    figure("Transfer rate", "Distinct answered calls that a caseworker handed over / distinct answered calls.",
           target(transfer_rate()), unit="percentunit", width=5),
    figure("Transfer goal", "Good below the lower bound, over the ceiling above the upper one, attention between.",
           target(f"(({transfer_rate()}) >= bool {TRANSFER_GOOD}) + (({transfer_rate()}) > bool {TRANSFER_CEILING})"),
           words=TRANSFER_WORDS),
    figure("Answered calls", "Calls answered by a human: the n of the transfer rate.",
           target(increase("slmon_calls_answered_total")), width=3),
    graph("Verdicts", "Calls judged in each interval. Undecided: after a fault no source could tell.",
          target(f'sum by (verdict) (increase(slmon_calls_judged_total{{{CALLS}}}[$__rate_interval]))', "{{verdict}}"),
          stacked=True, bars=True),
    graph("How calls ended", "Every member call once, at its end, in opening hours or not.",
          target(f'sum by (outcome) (increase(slmon_calls_total{{{CALLS}}}[$__rate_interval]))', "{{outcome}}"),
          stacked=True, bars=True),
    panel("heatmap", "Answer times", "How long answered members waited from ring-in to pick-up.",
          target(f"sum by (le) (increase(slmon_answer_seconds_bucket{{{CALLS}}}[$__rate_interval]))", "{{le}}",
                 format="heatmap"), unit="s", width=12, height=8,
          options={"calculate": False, "yAxis": {"unit": "s"}, "color": {"scheme": "Blues", "mode": "scheme"}}),
    graph("Half and nine tenths answered within", "Median and 90th percentile of the answer time, with the target. "
          "Only of answered calls: members who gave up are not in it.",
          *(target(f"histogram_quantile({share}, sum by (le) (rate(slmon_answer_seconds_bucket{{{CALLS}}}"
                   "[$__rate_interval])))", legend) for share, legend in ((0.5, "median"), (0.9, "90th percentile"))),
          target("max(slmon_goal_answer_seconds)", "target"), dashed=("target",), unit="s"),
]

WEEKS = [
    graph("Service level by day and week", "Official service level of 24 hours and of seven days, each up to its "
          "point, with the goal. Without calls there is no value.",
          target(answer_within("1d"), "day", interval="1d"), target(answer_within("7d"), "seven days", interval="1d"),
          target(ANSWER_GOAL, "goal", interval="1d"), dashed=("goal",), unit="percentunit", timeFrom="30d"),
    graph("Transfer rate by day and week", "With the two bounds: below is good, above is over the ceiling.",
          target(transfer_rate("1d"), "day", interval="1d"), target(transfer_rate("7d"), "seven days", interval="1d"),
          target(TRANSFER_GOOD, "good below", interval="1d"), target(TRANSFER_CEILING, "ceiling", interval="1d"),
          dashed=("good below", "ceiling"), unit="percentunit", timeFrom="30d"),
    graph("Calls by outcome and day", "What the days brought.",
          target(f"sum by (outcome) (increase(slmon_calls_total{{{CALLS}}}[1d]))", "{{outcome}}", interval="1d"),
          stacked=True, bars=True, timeFrom="30d"),
    graph("Hand-overs by kind and day", "Blind, attended, parked for another, conference left by its host.",
          target(f"sum by (kind) (increase(slmon_transfers_total{{{CALLS}}}[1d]))", "{{kind}}", interval="1d"),
          stacked=True, bars=True, timeFrom="30d"),
]

OPERATIONS = [
    graph("Event streams", "1 while a PBX is heard.", target('slmon_pbx_up{pbx=~"$pbx"}', "{{pbx}}"), width=8),
    graph("Seconds without a stream", "Gaps: what happened in them comes from backfill only.",
          target('sum by (pbx) (increase(slmon_pbx_gap_seconds_total{pbx=~"$pbx"}[$__rate_interval]))', "{{pbx}}"),
          bars=True, unit="s", width=8),
    graph("Reconnects", "How often a link came back.",
          target('sum by (pbx) (increase(slmon_pbx_reconnects_total{pbx=~"$pbx"}[$__rate_interval]))', "{{pbx}}"),
          bars=True, width=8),
    graph("Event lag", "From an event's own time to its receipt.",
          target('max by (pbx) (slmon_event_lag_seconds{pbx=~"$pbx"})', "{{pbx}}"), unit="s", width=8),
    graph("Oddities", "Surprises of a known kind in the event stream.",
          target('sum by (pbx, kind) (increase(slmon_pbx_oddities_total{pbx=~"$pbx"}[$__rate_interval]))',
                 "{{pbx}} {{kind}}"), bars=True, width=8),
    graph("Unaccounted calls", "Calls whose end or answer nobody saw; those that gaps may hide at most; and gaps of "
          "which nobody can tell how many.",
          target(f"sum by (reason) (increase(slmon_calls_unaccounted_total{{{CALLS}}}[$__rate_interval]))",
                 "{{reason}}"),
          target('sum(increase(slmon_pbx_gap_calls_at_most_total{pbx=~"$pbx"}[$__rate_interval]))', "hidden, at most"),
          target('sum(increase(slmon_pbx_gaps_uncounted_total{pbx=~"$pbx"}[$__rate_interval]))', "gaps not counted"),
          bars=True, stacked=True, width=8),
    graph("Stuck channels", "Channels that hang on the PBX though their calls are long over.",
          target('sum by (pbx) (slmon_pbx_stuck_channels{pbx=~"$pbx"})', "{{pbx}}"), width=8),
    graph("Calls not saved yet", "More than nought for minutes: the store does not write.",
          target("max(slmon_store_pending)", "pending"), width=8),
    graph("Memory", "Of the slmon process.", target("process_resident_memory_bytes and on (job, instance) slmon_open",
                                                    "memory"), unit="bytes", width=8),
    figure("Version", "Which slmon this is.", target("slmon_build_info", "{{version}}"), width=8, height=8),
]

USE = [
    graph("Boards open", "Boards that are open now, by view.", target("sum by (view) (slmon_boards_open)", "{{view}}"),
          stacked=True, width=8),
    graph("Boards opened a day", "On a screen, a phone, in a frame of the intranet or a kiosk. No person is counted.",
          target("sum by (kind) (increase(slmon_board_views_total[1d]))", "{{kind}}", interval="1d"),
          stacked=True, bars=True, timeFrom="30d", width=8),
    graph("Requests refused", "Too many, no role for it, a failed login, a foreign name or form.",
          target("sum by (reason) (increase(slmon_web_refused_total[$__rate_interval]))", "{{reason}}"),
          stacked=True, bars=True, width=8),
]

ROWS = {"Now": NOW, "Today": TODAY, "Weeks": WEEKS, "Operations": OPERATIONS, "Use": USE}


def placed(rows: dict[str, list[Panel]]) -> list[Panel]:
    """Every row's panels from left to right, ids in reading order."""
    panels: list[Panel] = []
    y = 0
    for title, row in rows.items():
        panels.append({"type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}})
        x, y, tallest = 0, y + 1, 0
        for each in row:
            size = each["gridPos"]
            if x + size["w"] > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            panels.append({**each, "gridPos": {"x": x, "y": y, **size}})
            x, tallest = x + size["w"], max(tallest, size["h"])
        y += tallest
    return [{**each, "id": number} for number, each in enumerate(panels, start=1)]


def chooser(name: str, label: str) -> dict[str, Any]:
    """A variable with the values of a label; `All` also matches calls that have none."""
    query = f"label_values(slmon_calls_offered_total, {name})"
    return {"type": "query", "name": name, "label": label, "datasource": SOURCE, "definition": query,
            "query": {"query": query, "refId": f"variable-{name}"}, "refresh": 2, "sort": 1, "multi": True,
            "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}}


def dashboard() -> dict[str, Any]:
    """The whole dashboard as Grafana reads it."""
    return {
        "uid": "slmon", "id": None, "title": "slmon: answer times and transfers", "tags": ["slmon", "telephony"],
        "description": "The service goals of the phones: answered within the target, and how many calls are passed on.",
        "schemaVersion": 39, "version": 1, "editable": True, "graphTooltip": 1, "timezone": "browser",
        "refresh": "30s", "time": {"from": "now/d", "to": "now"},
        "templating": {"list": [
            {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"},
            chooser("pbx", "PBX"), chooser("line", "Line"), chooser("queue", "Queue")]},
        "annotations": {"list": [{"name": "Alerts", "enable": True, "iconColor": RED, "datasource": SOURCE,
                                  "expr": 'ALERTS{alertname=~"Slmon.+",alertstate="firing"}',
                                  "titleFormat": "{{alertname}}", "textFormat": "{{pbx}}", "step": "60s"}]},
        "panels": placed(ROWS),
    }


def text() -> str:
    """The file's text."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    JSON.write_text(text(), encoding="utf-8")
