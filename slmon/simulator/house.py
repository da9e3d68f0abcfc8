"""The demo's house: an a-kasse that does not exist, its numbers, queues and desks, and slmon's configuration for it."""

from dataclasses import dataclass
from enum import StrEnum

from slmon.core.site import LineKind


class Door(StrEnum):
    """What the dialplan does with a number."""

    MENU = "menu"                  # greeting, menu, then a queue
    QUEUE = "queue"                # greeting, then a queue
    DESK = "desk"                  # rings one desk, then its voicemail
    RING_GROUP = "ring_group"      # rings some desks at once, then says that nobody is free
    CLOSED = "closed"              # says that it is closed


@dataclass(frozen=True, slots=True)
class Number:
    """A number that members dial. `leads_to`: the queue of a QUEUE door; desks of a RING_GROUP, with commas."""

    pattern: str
    name: str
    door: Door
    kind: LineKind
    share: float                   # of all member calls
    leads_to: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """A caseworker's phone. `via_local`: queues ring it through the dialplan, as FreePBX does."""

    number: str
    group: str
    via_local: bool = False

    @property
    def endpoint(self) -> str:
        """The phone, `PJSIP/101`."""
        return f"PJSIP/{self.number}"

    @property
    def interface(self) -> str:
        """What the queue rings."""
        return f"Local/{self.number}@agents/n" if self.via_local else self.endpoint

    @property
    def name(self) -> str:
        """What the queue calls it."""
        return f"Sagsbehandler {self.number}"


@dataclass(frozen=True, slots=True)
class Queue:
    """A call queue. After `patience` seconds the call goes to `overflow`, else to the common voicemail."""

    name: str
    strategy: str                  # rrmemory: one after another; ringall: all at once
    desks: tuple[str, ...]
    ring_seconds: float
    patience: float
    extension: str                 # what desks dial to hand a call over to it
    key: str = ""                  # the menu's key for it
    overflow: str = ""


@dataclass(frozen=True, slots=True)
class House:
    """All that is fixed in a simulated house."""

    title: str
    numbers: tuple[Number, ...]
    desks: tuple[Desk, ...]
    queues: tuple[Queue, ...]
    trunk: str = "trunk"
    system: str = "pbx1"

    def desk(self, number: str) -> Desk:
        """The desk with that number."""
        return next(desk for desk in self.desks if desk.number == number)

    def queue(self, name: str) -> Queue:
        """The queue with that name."""
        return next(queue for queue in self.queues if queue.name == name)

    def groups(self) -> list[str]:
        """The groups' names, in the order of their desks."""
        return list(dict.fromkeys(desk.group for desk in self.desks))


def _desks() -> tuple[Desk, ...]:
    groups = {"1": "Kreds Nord", "2": "Kreds Midt", "3": "Kreds Syd"}
    local = {"104", "207", "303"}
    return tuple(Desk(f"{tens}{unit:02}", group, f"{tens}{unit:02}" in local)
                 for tens, group in groups.items() for unit in range(1, 12))


def _of(*numbers: range) -> tuple[str, ...]:
    return tuple(str(number) for each in numbers for number in each)


DEMO = House(
    title="Eksempel A-kasse",
    numbers=(
        Number("10100100", "Hovednummer", Door.MENU, LineKind.MAIN, 0.66),
        Number("10100110", "Dagpenge", Door.QUEUE, LineKind.MAIN, 0.10, "dagpenge"),
        Number("10100130", "Efterløn", Door.QUEUE, LineKind.MAIN, 0.06, "efterløn"),
        Number("10100150", "Kredskontor Syd", Door.RING_GROUP, LineKind.MAIN, 0.06, "307,308,309"),
        Number("101021XX", "Direkte, Kreds Nord", Door.DESK, LineKind.DIRECT, 0.035),
        Number("101022XX", "Direkte, Kreds Midt", Door.DESK, LineKind.DIRECT, 0.035),
        Number("101023XX", "Direkte, Kreds Syd", Door.DESK, LineKind.DIRECT, 0.03),
        Number("10100199", "Lukket", Door.CLOSED, LineKind.CLOSED, 0.02),
    ),
    desks=_desks(),
    queues=(
        Queue("dagpenge", "rrmemory", _of(range(101, 110), range(201, 207)), 9, 75, "801", "1", "overløb"),
        Queue("medlemskab", "ringall", _of(range(207, 212), range(301, 304)), 14, 60, "802", "2", "overløb"),
        Queue("efterløn", "rrmemory", _of(range(304, 309), range(110, 112)), 9, 75, "803", "3", "overløb"),
        Queue("overløb", "rrmemory", _of(range(306, 312), range(109, 111)), 10, 120, "804"),
    ),
)

CALLBACK_KEY = "9"
VOICEMAIL_KEY = "0"
PARKING = "700"


def config_text(host: str, port: int, username: str, secret: str, house: House = DEMO) -> str:
    """slmon's configuration for the house, as TOML. No `[hours]`: always open."""
    parts = [_site(house, host, port, username, secret)]
    parts += [_line(number) for number in house.numbers]
    parts += [_group(house, name) for name in house.groups()]
    parts += [_view("alle", "Alle kredse", [], [], [])]
    parts += [_view("dagpenge", "Dagpenge", ["dagpenge"], ["Dagpenge"], ["Kreds Nord", "Kreds Midt"])]
    parts += [_view("medlemskab", "Medlemskab", ["medlemskab"], [], ["Kreds Midt"])]
    parts += [_view("efterloen", "Efterløn", ["efterløn"], ["Efterløn"], ["Kreds Syd"])]
    return "\n".join(parts)


def _site(house: House, host: str, port: int, username: str, secret: str) -> str:
    return f"""\
[site]
name = "{house.title}"
timezone = "Europe/Copenhagen"
language = "da"

[goals]
answer_seconds = 20
answer_share = 0.80
transfer_good = 0.10
transfer_ceiling = 0.15

[[pbx]]
name = "{house.system}"
host = "{host}"
port = {port}
username = "{username}"
secret = "{secret}"
inbound = {{ contexts = ["from-trunk"] }}
contexts = {{ voicemail = ["vm"], callback = ["koe-exit"], closed = ["lukket"] }}
"""


def _line(number: Number) -> str:
    return f'[[line]]\nnumber = "{number.pattern}"\nname = "{number.name}"\nkind = "{number.kind}"\n'


def _group(house: House, name: str) -> str:
    desks = ", ".join(f'"{desk.endpoint}"' for desk in house.desks if desk.group == name)
    return f'[[group]]\nname = "{name}"\ndesks = [{desks}]\n'


def _view(name: str, title: str, queues: list[str], lines: list[str], groups: list[str]) -> str:
    listed = {"queues": queues, "lines": lines, "groups": groups}
    rows = [f"{key} = [{', '.join(f'{chr(34)}{each}{chr(34)}' for each in values)}]"
            for key, values in listed.items() if values]
    return "\n".join([f'[[view]]\nname = "{name}"\ntitle = "{title}"', *rows, ""])
