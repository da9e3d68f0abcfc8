"""What the desks are doing: phones, and the queues they serve. Knows nothing of calls."""

from slmon.core.events import DeviceChanged, MemberChanged
from slmon.core.facts import DeskChanged, DeskState
from slmon.core.instant import Instant

# https://docs.asterisk.org/ "Device State": the switch's words, and what a colleague would call it.
_STATES = {
    "NOT_INUSE": DeskState.FREE,
    "INUSE": DeskState.BUSY,
    "BUSY": DeskState.BUSY,
    "ONHOLD": DeskState.BUSY,
    "RINGING": DeskState.RINGING,
    "RINGINUSE": DeskState.BUSY,
    "UNAVAILABLE": DeskState.OFF,
    "INVALID": DeskState.OFF,
}
_NUMBERS = {1: "NOT_INUSE", 2: "INUSE", 3: "BUSY", 4: "INVALID", 5: "UNAVAILABLE", 6: "RINGING", 7: "RINGINUSE",
            8: "ONHOLD"}


MOST_DESKS = 20_000              # phones
MOST_PLACES = 50_000             # of phones in queues
MOST_QUEUES = 200                # that one phone serves


class Desks:
    """One PBX's desks: every phone that serves a queue, and every phone that was heard of."""

    def __init__(self, pbx: str) -> None:
        self._pbx = pbx
        self._states: dict[str, DeskState] = {}
        self._queues: dict[str, dict[str, bool]] = {}        # desk -> queue -> paused
        self._devices: dict[tuple[str, str], str] = {}       # (queue, interface) -> desk
        self._said: dict[str, DeskChanged] = {}

    def device_changed(self, event: DeviceChanged) -> list[DeskChanged]:
        """A phone's state changed. Only real phones are desks: queues, parking lots and custom devices are not."""
        technology, slash, _ = event.device.partition("/")
        state = _STATES.get(event.state)
        if not slash or technology == "Local" or state is None:
            return []
        if not self._has_room(event.device):
            return []
        self._states[event.device] = state
        return self._tell(event.device, event.at)

    def member_changed(self, event: MemberChanged) -> list[DeskChanged]:
        """A desk came to serve a queue, left it, was paused or resumed."""
        desk = event.device          # a hint, or a Local interface, stands for its desk as it is
        if not event.present:
            desk = self._devices.pop((event.queue, event.interface), desk)
            if desk not in self._said:
                return []
            self._queues.get(desk, {}).pop(event.queue, None)
            return self._tell(desk, event.at)
        if not self._has_room(desk, event):
            return []
        self._devices[event.queue, event.interface] = desk
        self._queues.setdefault(desk, {})[event.queue] = event.paused
        state = _STATES.get(_NUMBERS.get(event.status, ""))
        if state is not None:
            self._states[desk] = state
        return self._tell(desk, event.at)

    def _has_room(self, desk: str, member: MemberChanged | None = None) -> bool:
        """Whether so many are still to be kept; no house has as many, but a name may be made up."""
        if desk not in self._said and len(self._said) >= MOST_DESKS:
            return False
        if member is None or (member.queue, member.interface) in self._devices:
            return True
        return len(self._devices) < MOST_PLACES and len(self._queues.get(desk, ())) < MOST_QUEUES

    def listed(self, members: tuple[MemberChanged, ...], devices: tuple[DeviceChanged, ...],
               at: Instant) -> list[DeskChanged]:
        """The switch listed all members and devices: what it no longer lists is gone."""
        told: list[DeskChanged] = []
        if members:
            now = {(each.queue, each.interface) for each in members}
            for queue, interface in [key for key in self._devices if key not in now]:
                told += self.member_changed(MemberChanged(at, queue, interface, interface, False, False, 0))
        for device in devices:
            told += self.device_changed(device)
        for member in members:
            told += self.member_changed(member)
        return told

    def _tell(self, desk: str, at: Instant) -> list[DeskChanged]:
        queues = self._queues.get(desk, {})
        state = self._states.get(desk, DeskState.OFF)
        # Paused in every queue it serves: it takes no calls. A phone that is in use stays in use.
        if queues and all(queues.values()) and state in {DeskState.FREE, DeskState.RINGING}:
            state = DeskState.PAUSED
        fact = DeskChanged(self._pbx, desk, at, state, frozenset(queues))
        before = self._said.get(desk)
        if before is not None and (before.state, before.queues) == (fact.state, fact.queues):
            return []
        self._said[desk] = fact
        return [fact]
