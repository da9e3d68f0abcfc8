"""What the simulated PBX writes into its CEL file (cel_custom, CSV), beside what it tells over AMI.

https://docs.asterisk.org/ "Channel Event Logging (CEL)". The columns are those of Asterisk's sample cel_custom.conf.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator

from slmon.simulator.channels import UNKNOWN, UP

Headers = dict[str, str]
Row = tuple[str, str, dict[str, object]]
"""Kind, prefix of the headers that name its channel, and what else it says."""

_LOGGED = frozenset({"Queue", "Dial", "Park", "VoiceMail"})      # `apps` of cel.conf


class CelLog:
    """A listener of a Pbx that writes rows; each is written whole and at once."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._running: dict[str, tuple[str, str]] = {}   # what each channel does, and with which arguments
        self._hung_up: set[str] = set()                  # channels whose far end hung up

    def __call__(self, privilege: str, name: str, frame: bytes) -> None:
        """Write what an event means for CEL."""
        said = dict(line.split(": ", 1) for line in frame.decode().split("\r\n") if ": " in line)
        lines = b"".join(self._line(said, *row) for row in self._rows(name, said))
        if lines:
            self._write(lines)

    def died(self) -> None:
        """The PBX was killed: nothing more is written of what was open."""
        self._running.clear()
        self._hung_up.clear()

    def _rows(self, name: str, said: Headers) -> Iterator[Row]:
        leg = said.get("Uniqueid", "")
        match name:
            case "Newchannel":
                self._running[leg] = "", ""
                yield "CHAN_START", "", {}
            case "Newstate" if said["ChannelState"] == str(UP):
                yield "ANSWER", "", {}
            case "Newexten":
                yield from self._ran(leg, said["Application"], said.get("AppData", ""))
            case "DTMFEnd":
                yield "DTMF", "", {"digit": said["Digit"], "duration_ms": 100}
            case "BridgeEnter" | "BridgeLeave":
                kind = "BRIDGE_ENTER" if name == "BridgeEnter" else "BRIDGE_EXIT"
                yield kind, "", {"bridge_id": said["BridgeUniqueid"], "bridge_technology": said["BridgeTechnology"]}
            case "HangupRequest":
                self._hung_up.add(leg)
            case "Hangup":
                yield from self._ended(leg, said)
            case "BlindTransfer":
                yield "BLINDTRANSFER", "Transferer", {
                    "extension": said["Extension"], "context": said["Context"], "bridge_id": said["BridgeUniqueid"],
                    **_named("transferee_channel", said, "Transferee")}
            case "AttendedTransfer":
                yield "ATTENDEDTRANSFER", "OrigTransferer", {
                    "bridge1_id": said["OrigBridgeUniqueid"], **_named("channel2", said, "SecondTransferer"),
                    "bridge2_id": said["SecondBridgeUniqueid"], **_named("transferee_channel", said, "Transferee"),
                    **_named("transfer_target_channel", said, "TransferTarget")}
            case "Pickup":
                yield "PICKUP", "Target", {"pickup_channel": said["Channel"],
                                           "pickup_channel_uniqueid": said["Uniqueid"]}
            case "ParkedCall":
                yield "PARK_START", "Parkee", {"parker_dial_string": said["ParkerDialString"],
                                               "parking_lot": said["Parkinglot"]}
            case "UnParkedCall":
                yield "PARK_END", "Parkee", {"reason": "UnParkedCall"}
            case _:
                pass

    def _ran(self, leg: str, application: str, arguments: str) -> Iterator[Row]:
        if self._running.get(leg, ("", ""))[0] in _LOGGED:
            yield "APP_END", "", {}
        self._running[leg] = application, arguments
        if application in _LOGGED:
            yield "APP_START", "", {}

    def _ended(self, leg: str, said: Headers) -> Iterator[Row]:
        source = said["Channel"] if leg in self._hung_up else ""
        yield "HANGUP", "", {"hangupcause": int(said["Cause"]), "hangupsource": source, "dialstatus": ""}
        yield "CHAN_END", "", {}
        self._hung_up.discard(leg)
        self._running.pop(leg, None)

    def _line(self, said: Headers, kind: str, of: str, extra: dict[str, object]) -> bytes:
        leg = said[f"{of}Uniqueid"]
        caller = said[f"{of}CallerIDNum"].replace(UNKNOWN, "")
        application, arguments = self._running.get(leg, ("", ""))
        line = io.StringIO()
        csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(
            (kind, said["Timestamp"], said[f"{of}CallerIDName"], caller, "", "", "", said[f"{of}Exten"],
             said[f"{of}Context"], said[f"{of}Channel"], application, arguments, "DOCUMENTATION", "", leg,
             said[f"{of}Linkedid"], "", "", "", json.dumps(extra, separators=(",", ":")) if extra else ""))
        return line.getvalue().encode()


def _named(name: str, said: Headers, prefix: str) -> Headers:
    return {f"{name}_name": said[f"{prefix}Channel"], f"{name}_uniqueid": said[f"{prefix}Uniqueid"]}
