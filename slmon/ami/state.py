"""How a link to a PBX stands, and what is amiss with one that is up: the words that people are shown."""

from dataclasses import dataclass
from enum import StrEnum


class LinkStatus(StrEnum):
    """How a link stands."""

    CONNECTING = "connecting"          # the first attempt is under way
    UP = "up"
    SLOW = "slow"                      # connected, and the PBX answers late or not at all
    DOWN = "down"
    REFUSED = "refused"                # login, certificate, or no AMI: will hardly mend itself


class Complaint(StrEnum):
    """What a link that is up lacks, and the cure."""

    NO_LISTS = "the PBX refuses its lists: give the user write = reporting"
    NOT_READY = "the PBX does not list its channels"
    NO_QUEUES = "the PBX does not answer QueueStatus"
    NO_DEVICES = "the PBX does not answer DeviceStateList"
    NO_CALLS = "the PBX handles calls and tells none: give the user read = call,agent, and no event filter"
    NO_DOOR = ("calls come in, and none through `inbound`, so none is counted: put the contexts or trunks that members "
               "come through into `inbound` of this [[pbx]]; they came in through")
    NO_AGENTS = "the PBX tells nothing of its queues: give the user read = call,agent, and no event filter"
    NO_TRANSFERS = ("calls go from desk to desk and no transfer is told, so the transfer rate is too low: let no event "
                    "filter and no disabledevents keep BlindTransfer and AttendedTransfer back")
    NO_TIMESTAMPS = "events come without a time: set timestampevents = yes in manager.conf"
    SLOW_ANSWERS = "the PBX answers late"
    LATE_EVENTS = "events come late"
    CERTIFICATE_ENDS = "the PBX's certificate ends within three weeks: renew it"


INCOMPLETE = frozenset({Complaint.NO_CALLS, Complaint.NO_DOOR, Complaint.NO_TRANSFERS})
"""With these the figures look right and are not."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """How a link stands. `since`: monotonic, when it last came up or ceased to be up.

    `unnamed`: the contexts that NO_DOOR is about.
    """

    status: LinkStatus
    since: float
    reason: str = ""
    complaints: frozenset[Complaint] = frozenset()
    unnamed: tuple[str, ...] = ()

    @property
    def is_up(self) -> bool:
        """Whether what goes on in the PBX is known."""
        return self.status is LinkStatus.UP

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known that makes the figures wrong."""
        return not self.complaints & INCOMPLETE

    def said(self, complaint: Complaint) -> str:
        """What is amiss and the cure, in words."""
        about = f" {', '.join(self.unnamed)}" if complaint is Complaint.NO_DOOR else ""
        return f"{complaint}{about}"
