"""Take members' numbers and names out of a recorded AMI stream. Knows headers that hold them, and line ends."""

import hashlib
import hmac
import re
from collections.abc import Callable

_NUMBER_HEADERS = re.compile(rb"(CallerIDNum|ConnectedLineNum|CallerID|CallerIDani|DNID|RDNIS|Source|Nummer)$")
_NAME_HEADERS = re.compile(rb"(CallerIDName|ConnectedLineName|MemberName|CallerID|Name)$")
_ID_HEADERS = re.compile(rb"(Uniqueid|Linkedid|UniqueID|LinkedID|Timestamp|BridgeUniqueid|ActionID|LoginTime|LastCall|"
                         rb"LastPause|SSRC|NTP|RTP|Packets|Octets|Sequence\w*|LSR|DLSR|Uptime|LastReload|StartTime|"
                         rb"AnswerTime|EndTime|Duration\w*)$")
_DIGITS = re.compile(rb"(?<![\w.])\+?[0-9]{7,15}(?![\w.])")
_NOBODY = frozenset({b"", b"<unknown>", b"unknown", b"anonymous"})


class Scrubber:
    """Bytes in, the same bytes without numbers and names out; the same number always becomes the same other one.

    `keep` says which numbers are the house's own and stay: dialled lines. `key` is fresh for each recording.
    """

    def __init__(self, key: bytes, keep: Callable[[str], bool]) -> None:
        self._key = key
        self._keep = keep
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """What can be said so far: whole lines only."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        return b"".join(self._line(line) + b"\n" for line in lines)

    def close(self) -> bytes:
        """The last line, if it was not finished."""
        rest, self._rest = self._rest, b""
        return self._line(rest)

    def _line(self, line: bytes) -> bytes:
        header, colon, value = line.partition(b":")
        if not colon or _ID_HEADERS.search(header):
            return line
        body = value.strip()
        ending = value[len(value.rstrip(b"\r")):]
        if _NUMBER_HEADERS.search(header) and body not in _NOBODY:
            return header + b": " + self._number(body) + ending
        if _NAME_HEADERS.search(header) and body not in _NOBODY:
            return header + b": " + b"Name " + self._digest(body)[:4].encode() + ending
        return header + colon + _DIGITS.sub(lambda found: self._number(found[0]), value)

    def _number(self, number: bytes) -> bytes:
        """Another number of the same shape; short ones are the house's own extensions."""
        digits = sum(byte in b"0123456789" for byte in number)
        if digits < 7 or self._keep(number.decode("ascii", "replace")):
            return number
        replacement = iter(str(int(self._digest(number.lstrip(b"+")), 16)).rjust(digits, "0"))
        return bytes(ord(next(replacement)) if byte in b"0123456789" else byte for byte in number)

    def _digest(self, text: bytes) -> str:
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
