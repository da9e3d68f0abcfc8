"""The shape of slmon.toml: every key, its type, its default. Knows no other key's value (that is checks.py)."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    Field,
    PrivateAttr,
    SecretBytes,
    SecretStr,
    model_validator,
)

from slmon.config.problems import Problem
from slmon.config.section import Section
from slmon.config.spans import Spans, weekdays
from slmon.config.web import Access, KioskTable, UserTable, Web
from slmon.config.words import (
    CelFormat,
    Context,
    Country,
    Day,
    DayKey,
    DaySpans,
    Endpoint,
    File,
    KeyId,
    Name,
    Number,
    Port,
    Seconds,
    Share,
    Slug,
    Switch,
    Timezone,
    Whole,
)
from slmon.core import site as core
from slmon.core.goals import Goal
from slmon.core.goals import Goals as PhoneGoals
from slmon.core.hours import Hours as PhoneHours
from slmon.core.hours import Schedule


class Site(Section):
    """[site]"""

    name: Name = Field(description="the house's name, as pages show it")
    timezone: Timezone = "Europe/Copenhagen"
    language: Literal["da", "en"] = "da"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which days and hours are counted."""
        return ZoneInfo(self.timezone)


class Hours(Section):
    """[hours]: when the phones are open. `days` holds the keys that are days or ranges of days."""

    days: dict[DayKey, DaySpans] = Field(default_factory=dict)
    holidays: Country | None = None
    closed: tuple[Day, ...] = ()
    open: dict[Day, DaySpans] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_days(cls, table: object) -> object:
        if not isinstance(table, dict):
            return table
        known = set(cls.model_fields) - {"days"}
        gathered: dict[str, object] = {key: value for key, value in table.items() if key in known}
        gathered["days"] = {key: value for key, value in table.items() if key not in known}
        return gathered

    @property
    def week(self) -> tuple[Spans, ...]:
        """The hours of Monday to Sunday; a day not named is closed."""
        hours: list[Spans] = [()] * 7
        for key, day_spans in self.days.items():
            for day in weekdays(key):
                hours[day] = day_spans
        return tuple(hours)


class HoursFrom(Hours):
    """[[hours_from]]: hours that hold from a later day on. What it does not name stays as it was."""

    date: Day = Field(description="the first day on which these hours hold")


class Goals(Section):
    """[goals]: what the house has promised."""

    answer_seconds: Annotated[Seconds, Field(gt=0)] = 20
    answer_share: Annotated[Share, Field(gt=0)] = 0.80
    transfer_good: Share = 0.10
    transfer_ceiling: Share = 0.15
    minimum_calls: Annotated[Whole, Field(ge=0)] = 10
    short_abandon_seconds: Annotated[Seconds, Field(ge=0)] = 0

    @property
    def goal(self) -> Goal:
        """As the core knows it."""
        return Goal(answer_seconds=self.answer_seconds, answer_share=self.answer_share,
                    transfer_good=self.transfer_good, transfer_ceiling=self.transfer_ceiling,
                    minimum_calls=self.minimum_calls, short_abandon_seconds=self.short_abandon_seconds)


class GoalsFrom(Goals):
    """[[goals_from]]: goals that hold from a later day on. What it does not name stays as it was."""

    date: Day = Field(description="the first day on which these goals hold")


class Inbound(Section):
    """Where member calls come in."""

    contexts: tuple[Context, ...] = ()
    trunks: tuple[Endpoint, ...] = ()


class Meanings(Section):
    """What being in a dialplan context says about a call."""

    voicemail: tuple[Context, ...] = ()
    callback: tuple[Context, ...] = ()
    closed: tuple[Context, ...] = ()
    survey: tuple[Context, ...] = ()


def _default_port(given: Mapping[str, object]) -> int:
    return 5039 if given.get("tls") is True else 5038


class Pbx(Section):
    """[[pbx]]: one telephone exchange, and what slmon may know of it."""

    name: Slug = Field(description="a word of your own for this PBX, such as pbx1")
    host: Name = Field(description="the PBX's host name or address")
    tls: Switch = False
    port: Port = Field(default_factory=_default_port)
    ca_file: File | None = None
    server_name: Name | None = None
    username: Name = "slmon"
    secret_file: File | None = None
    secret: SecretStr | None = None
    inbound: Inbound = Field(description='where member calls come in, such as { contexts = ["from-trunk"] }')
    contexts: Meanings = Meanings()
    machines: tuple[Endpoint, ...] = ()
    cel_file: File | None = None
    cel_format: CelFormat | None = None
    queue_log_file: File | None = None
    cdr_file: File | None = None
    database_file: File | None = None
    cel_table: Name | None = None
    queue_log_table: Name | None = None
    cdr_table: Name | None = None


class LineTable(Section):
    """[[line]]: a number that members dial."""

    number: Number = Field(description="the number as the PBX sees it, such as 70200100 or 702021XX")
    name: Name = Field(description="the line's name, as boards show it")
    kind: Literal["main", "direct", "closed", "test", "survey"] = "main"


class GroupTable(Section):
    """[[group]]: desks that belong together."""

    name: Name = Field(description="the group's name, as boards show it")
    desks: tuple[Endpoint, ...] = Field(description='its phones, such as ["PJSIP/10X"]', min_length=1)


class ViewTable(Section):
    """[[view]]: what one wallboard shows."""

    name: Slug = Field(description="a word for the board's address, such as odense")
    title: Name | None = None
    queues: tuple[Name, ...] = ()
    lines: tuple[Name, ...] = ()
    groups: tuple[Name, ...] = ()


class Store(Section):
    """[store]"""

    path: File = Path("slmon.db")
    spool: File | None = None


class Privacy(Section):
    """[privacy]"""

    key_file: File | None = None
    key_id: KeyId = "k1"
    person_figures: Switch = False
    minimum_group: Annotated[Whole, Field(ge=1)] = 5
    keep_calls_days: Annotated[Whole, Field(ge=1)] = 400


class Config(Section):
    """All of slmon.toml, read and found good. Paths are absolute; secrets show themselves as ********."""

    site: Site = Field(description="a table with the house's name")
    hours: Hours | None = None                     # None: always open
    hours_from: tuple[HoursFrom, ...] = ()
    goals: Goals = Goals()
    goals_from: tuple[GoalsFrom, ...] = ()
    pbx: tuple[Pbx, ...] = Field(description="at least one [[pbx]] with name, host and inbound", min_length=1)
    line: tuple[LineTable, ...] = ()
    group: tuple[GroupTable, ...] = ()
    view: tuple[ViewTable, ...] = ()
    store: Store = Store()
    web: Web = Web()
    access: Access | None = None
    user: tuple[UserTable, ...] = ()
    kiosk: tuple[KioskTable, ...] = ()
    privacy: Privacy = Privacy()

    _warnings: tuple[Problem, ...] = PrivateAttr(default=())
    _caller_key: SecretBytes | None = PrivateAttr(default=None)
    _access_key: SecretBytes | None = PrivateAttr(default=None)
    _scrape_token: SecretBytes | None = PrivateAttr(default=None)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What works and had better be otherwise, such as a secret that everybody may read."""
        return self._warnings

    @property
    def caller_key(self) -> SecretBytes | None:
        """The bytes of [privacy] key_file; None without one, or when reading it was not asked for."""
        return self._caller_key

    @property
    def access_key(self) -> SecretBytes | None:
        """The bytes of [access] key_file; None without one, or when reading it was not asked for."""
        return self._access_key

    @property
    def scrape_token(self) -> SecretBytes | None:
        """The bytes of [access] scrape_token_file, likewise."""
        return self._scrape_token

    @property
    def lines(self) -> tuple[core.Line, ...]:
        """The numbers that members dial; none: every dialled number is a line."""
        return tuple(core.Line(each.number, each.name, core.LineKind(each.kind)) for each in self.line)

    @property
    def groups(self) -> tuple[core.Group, ...]:
        """The desks that belong together."""
        return tuple(core.Group(each.name, each.desks) for each in self.group)

    @property
    def views(self) -> tuple[core.View, ...]:
        """What boards show; without any [[view]], one of everything."""
        if not self.view:
            return (core.View("all", self.site.name),)
        return tuple(core.View(each.name, each.title or each.name, each.queues, each.lines, each.groups)
                     for each in self.view)

    def pbx_named(self, name: str | None) -> Pbx:
        """The PBX of that name, or the first one without a name; KeyError when there is none such."""
        for pbx in self.pbx:
            if name in (None, pbx.name):
                return pbx
        raise KeyError(name)

    def doors(self, pbx: Pbx | str) -> core.Doors:
        """Where this PBX lets member calls in, and what its contexts, endpoints and numbers are."""
        of = self.pbx_named(pbx) if isinstance(pbx, str) else pbx
        meanings = {context: core.Meaning(meaning)
                    for meaning in Meanings.model_fields for context in getattr(of.contexts, meaning)}
        return core.Doors(contexts=frozenset(of.inbound.contexts), trunks=of.inbound.trunks, meanings=meanings,
                          machines=of.machines, lines=self.lines)

    @property
    def goal_periods(self) -> tuple[tuple[date, Goal], ...]:
        """The goals, each with the day from which it holds."""
        goals = self.goals
        periods = [(date.min, goals.goal)]
        for later in _by_date(self.goals_from):
            goals = goals.model_copy(update=_given(later))
            periods.append((later.date, goals.goal))
        return tuple(periods)

    def phone_goals(self, hours: PhoneHours) -> PhoneGoals:
        """The goals by the site's days."""
        return PhoneGoals(self.goal_periods, hours.day_of)

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The hours as the core knows them, each from its day on."""
        hours = self.hours
        schedules = [_schedule(hours, date.min)]
        for later in _by_date(self.hours_from):
            hours = (hours or _ALWAYS).model_copy(update=_given(later))
            schedules.append(_schedule(hours, later.date))
        return tuple(schedules)

    def phone_hours(self) -> PhoneHours:
        """The site's opening hours."""
        return PhoneHours(self.schedules, self.site.timezone, self.site.language)


_ALWAYS = Hours.model_validate({"mon-sun": "00:00-24:00"})


def _schedule(hours: Hours | None, since: date) -> Schedule:
    if hours is None:
        return Schedule(since=since)
    return Schedule(week=hours.week, since=since, holidays=hours.holidays, closed=frozenset(hours.closed),
                    open=dict(hours.open))


Dated = TypeVar("Dated", HoursFrom, GoalsFrom)


def _by_date(tables: tuple[Dated, ...]) -> list[Dated]:
    return sorted(tables, key=lambda each: each.date)


def _given(later: HoursFrom | GoalsFrom) -> dict[str, object]:
    """What a dated table names itself; days not named at all stay as they were, and so does the rest."""
    keys = later.model_fields_set - {"date"}
    return {key: getattr(later, key) for key in keys if key != "days" or getattr(later, key)}
