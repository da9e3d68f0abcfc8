"""The simulated PBX's queue_log: lines of what its events tell of its queues. Knows no story.

Words and fields are those of a recorded Asterisk's; times are whole seconds.
"""

from collections.abc import Callable

from slmon.core.instant import SECOND
from slmon.simulator.cel import Headers
from slmon.simulator.pbx import Pbx

_COMPLETED = {"caller": "COMPLETECALLER", "agent": "COMPLETEAGENT"}


class QueueLog:
    """Writes the log of one run of a PBX, line by line, as things happen."""

    def __init__(self, pbx: Pbx, write: Callable[[bytes], object]) -> None:
        self._pbx = pbx
        self._write = write
        self._joined: dict[str, tuple[int, int]] = {}        # leg → its place on joining, and the second of it
        self._hung_up: set[str] = set()
        self._key: dict[str, str] = {}
        self._passed_on: dict[str, list[str]] = {}           # leg → the words of its hand-over
        self._lines: dict[str, Callable[[Headers], None]] = {
            "QueueCallerJoin": self._join,
            "QueueCallerAbandon": self._given_up,
            "QueueCallerLeave": self._leave,
            "AgentRingNoAnswer": lambda event: self._agent(event, "RINGNOANSWER", event["RingTime"]),
            "AgentConnect": self._connect,
            "AgentComplete": self._complete,
            "BlindTransfer": self._blind,
            "AttendedTransfer": self._attended,
            "DTMFEnd": self._digit,
            "HangupRequest": lambda event: self._hung_up.add(event["Uniqueid"]),
            "Hangup": self._gone,
        }
        pbx.listeners.append(self._told)
        self._line("NONE", "NONE", "NONE", "QUEUESTART", "")

    def _told(self, privilege: str, name: str, frame: bytes) -> None:
        line = self._lines.get(name)
        if line is not None:
            line(dict(each.split(": ", 1) for each in frame.decode().split("\r\n") if ": " in each))

    def _line(self, *words: object) -> None:
        self._write(("|".join(map(str, (self._second, *words))) + "\n").encode())

    def _agent(self, event: Headers, word: str, *words: object) -> None:
        self._line(event["Uniqueid"], event["Queue"], event["MemberName"], word, *words)

    def _caller(self, event: Headers, word: str, *words: object) -> None:
        self._line(event["Uniqueid"], event["Queue"], "NONE", word, *words)

    @property
    def _second(self) -> int:
        return self._pbx.clock.now // SECOND

    def _join(self, event: Headers) -> None:
        self._joined[event["Uniqueid"]] = int(event["Position"]), self._second
        self._key.pop(event["Uniqueid"], None)
        self._caller(event, "ENTERQUEUE", "", event["CallerIDNum"], event["Position"])

    def _given_up(self, event: Headers) -> None:
        """The PBX's event is the same whether the caller hung up or the queue's time ran out; the log's is not."""
        word = "ABANDON" if event["Uniqueid"] in self._hung_up else "EXITWITHTIMEOUT"
        self._caller(event, word, event["Position"], event["OriginalPosition"], event["HoldTime"])

    def _leave(self, event: Headers) -> None:
        position, since = self._joined[event["Uniqueid"]]
        key = self._key.pop(event["Uniqueid"], None)
        if key is not None:
            self._caller(event, "EXITWITHKEY", key, event["Position"], position, self._second - since)

    def _digit(self, event: Headers) -> None:
        if event["Uniqueid"] in self._joined:
            self._key[event["Uniqueid"]] = event["Digit"]

    def _connect(self, event: Headers) -> None:
        self._agent(event, "CONNECT", event["HoldTime"], event["DestUniqueid"], event["RingTime"])

    def _complete(self, event: Headers) -> None:
        position, _ = self._joined.get(event["Uniqueid"], (1, 0))      # the pipe it came by may be gone already
        told = event["HoldTime"], event["TalkTime"], position
        if event["Reason"] == "transfer":
            word, *words = self._passed_on.pop(event["Uniqueid"])
            self._agent(event, word, *words, *told)
        else:
            self._agent(event, _COMPLETED[event["Reason"]], *told)

    def _blind(self, event: Headers) -> None:
        self._passed_on[event["TransfereeUniqueid"]] = ["BLINDTRANSFER", event["Extension"], event["Context"]]

    def _attended(self, event: Headers) -> None:
        self._passed_on[event["TransfereeUniqueid"]] = ["ATTENDEDTRANSFER", "BRIDGE", event["DestBridgeUniqueid"]]

    def _gone(self, event: Headers) -> None:
        leg = event["Uniqueid"]
        self._joined.pop(leg, None)
        self._hung_up.discard(leg)
        self._key.pop(leg, None)
        self._passed_on.pop(leg, None)
