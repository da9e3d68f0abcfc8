"""Turn AMI bytes into messages, in any chunks. Knows the wire; knows nothing of calls, sockets or time.

A message is lines of `Name: value` and ends with an empty line. Events whose name is not in the vocabulary are
rejected on that name, before anything else of them is looked at. An event of a known shape (same headers in the same
order) is read by one anchored expression; every other one by the patient path, which is the truth: the two agree.
Time is linear in the bytes on every input, memory is bounded by `MAX_MESSAGE`.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

MAX_LINE = 64 * 1024
MAX_MESSAGE = 1024 * 1024
SHAPES_KEPT = 8                 # per event: enough for every version seen
MAX_KNOWN = 500              # names; there are some 200
MAX_SHAPE = 200                 # headers
MANY = frozenset({"ChanVariable", "Variable", "Output", "ChanVariable(Dest)"})   # headers that may repeat


class Banner(NamedTuple):
    """The first line of a connection, whatever it says."""

    text: str


class Message(NamedTuple):
    """An event of the vocabulary: the values asked for, in the vocabulary's order, empty where absent."""

    name: str
    values: tuple[str, ...]


class Reply(NamedTuple):
    """An answer to an action: every header, the last of a repeated name."""

    headers: dict[str, str]


class Damaged(NamedTuple):
    """Bytes that are no whole message. What they said is lost; nothing of it is guessed."""

    reason: str


Item = Banner | Message | Reply | Damaged


class AmiStream:
    """One connection's bytes → its messages.

    `vocabulary`: event name → the headers wanted of it.
    """

    def __init__(self, vocabulary: Mapping[str, tuple[str, ...]]) -> None:
        # First line of a regular event → its name if it is wanted, else empty: it is passed over.
        self._known = {f"Event: {name}\r".encode(): name for name in vocabulary}
        self._vocabulary = dict(vocabulary)
        self._shapes: dict[str, list[re.Pattern[str]]] = {name: [] for name in vocabulary}
        self._pending = bytearray()
        self._greeted = False
        self._skipping = False
        self._irregular = False

    def feed(self, data: bytes) -> list[Item]:
        """The items that `data` completes, in order."""
        items: list[Item] = []
        pending = self._pending
        searched = max(0, len(pending) - 2)
        pending += data
        if not self._greeted:
            if not self._greet(items):
                return items
            searched = 0
        end = pending.rfind(b"\n\r\n", searched)
        if pending.find(b"\n\n", max(end, searched)) >= 0:
            self._irregular = True               # bare line feeds: from now on the patient way
        elif end < 0:
            self._bound(items)
            return items
        text = bytes(pending)
        pending.clear()
        *blocks, rest = _split_patiently(text) if self._irregular else text.split(b"\n\r\n")
        pending += rest
        if self._skipping:
            self._skipping = False
            del blocks[0]
        self._read(blocks, items)
        self._bound(items)
        return items

    def close(self) -> list[Item]:
        """The connection ended: a message that was under way is lost."""
        cut = bool(self._pending.strip()) or self._skipping
        self._pending.clear()
        return [Damaged("stream ended in the middle of a message")] if cut and self._greeted else []

    def _greet(self, items: list[Item]) -> bool:
        """Take the banner off; False while its line is not complete. A recording may begin without one."""
        end = self._pending.find(b"\n")
        if end < 0 and len(self._pending) <= MAX_LINE:
            return False
        self._greeted = True
        line = bytes(self._pending[:end] if end >= 0 else self._pending[:MAX_LINE]).rstrip(b"\r")
        if line and not line.startswith((b"Event:", b"Response:")):
            items.append(Banner(_decode(line[:200])))
            del self._pending[: end + 1 or None]
        return True

    def _bound(self, items: list[Item]) -> None:
        """Keep at most one message's bytes; beyond that, skip to its end."""
        if len(self._pending) <= MAX_MESSAGE and not self._skipping:
            return
        if not self._skipping:
            items.append(Damaged("message longer than 1 MiB"))
        self._skipping = True
        del self._pending[:-2]

    def _read(self, blocks: list[bytes], items: list[Item]) -> None:
        known, shapes, patiently = self._known, self._shapes, self._read_patiently
        for block in blocks:
            end = block.find(b"\n")
            name = known.get(block[:end])
            if name is None or name == "":
                # One "Privilege" an event, in line two. Else it was cut and the next one written straight after it.
                # And nothing stands behind it, after an empty line of a bare line feed.
                if name is None or block.rfind(b"Privilege: ") != end + 1 or b"\n\n" in block:
                    patiently(block, items)
                continue
            try:
                text = block.decode()
            except UnicodeDecodeError:
                patiently(block, items)
                continue
            for shape in shapes[name]:
                match = shape.fullmatch(text)
                if match is not None:
                    items.append(Message(name, match.groups()))
                    break
            else:
                patiently(block, items)

    def _read_patiently(self, block: bytes, items: list[Item]) -> None:
        """One message, header by header."""
        block = block.strip(b"\r\n")
        if not block:
            return
        if b"\n\n" in block:                     # bare line feeds: from now on all is split the patient way
            self._irregular = True
            for each in _split_patiently(block):
                self._read_patiently(each, items)
            return
        if len(block) > MAX_LINE and max(map(len, block.split(b"\n"))) > MAX_LINE:
            items.append(Damaged("line longer than 64 KiB"))
            return
        text = _decode(block)
        headers = list(_headers(text))
        first, value = headers[0] if headers else ("", "")
        if first == "Event":
            self._event(value, headers, text, items)
        elif first == "Response":
            items.append(Reply(dict(headers)))
        else:
            items.append(Damaged("message begins with neither Event nor Response"))

    def _event(self, name: str, headers: list[tuple[str, str]], text: str, items: list[Item]) -> None:
        found: dict[str, str] = {}
        asked = self._vocabulary.get(name)
        if _is_glued(headers):
            items.append(Damaged("event cut, and the next one written straight after it"))
            return
        for header, value in headers:
            if header in found and header not in MANY and (asked is not None or header == "Privilege"):
                items.append(Damaged(f"header {_plain(header)} twice in one event"))
                return
            found[header] = value
        if asked is None:
            if name.isalnum() and text.startswith(f"Event: {name}\r\n") and len(self._known) < MAX_KNOWN:
                self._known[f"Event: {name}\r".encode()] = ""
            return
        items.append(Message(name, tuple(found.get(header, "") for header in asked)))
        self._learn(name, asked, headers, text)

    def _learn(self, name: str, asked: tuple[str, ...], headers: list[tuple[str, str]], text: str) -> None:
        """Remember the order of headers, so that the next event of this shape is read in one go."""
        names = [header for header, _ in headers]
        present = [header for header in asked if header in names]
        if len(set(names)) != len(names) or len(names) > MAX_SHAPE or present != sorted(present, key=names.index):
            return
        # Every header stands in it by its name: one more, one less or another, and the shape does not fit.
        expression, left = "Event: " + re.escape(name), list(asked)
        for header in names[1:]:
            value = "[^\r\n]*"
            if header in left:
                absent = left.index(header)      # an empty group for each header that this shape has not
                del left[: absent + 1]
                expression, value = expression + "()" * absent, f"({value})"
            expression += f"\r\n{re.escape(header)}: {value}"
        shape = re.compile(expression + "\r" + "()" * len(left))
        if shape.fullmatch(text + "\r") is None:
            return
        self._shapes[name] = [shape, *self._shapes[name][: SHAPES_KEPT - 1]]


def _split_patiently(text: bytes) -> list[bytes]:
    """Blocks between empty lines of any kind, with CRLF line ends; the last one is unfinished."""
    return text.replace(b"\r\n", b"\n").split(b"\n\n")


def _is_glued(headers: list[tuple[str, str]]) -> bool:
    """Whether another event begins before this one's privilege, which every event tells in its second line."""
    for number, ((name, value), (after, _)) in enumerate(pairwise(headers)):
        if after == "Privilege":
            return "Event:" in value or (number > 0 and name.endswith("Event"))
    return False


def _headers(text: str) -> Iterator[tuple[str, str]]:
    """Name and value of each line, split at the first colon; a line without one is skipped.

    Lines end at LF only, never at the other characters `str.splitlines` takes for line ends: they occur in names.
    """
    for line in text.split("\n"):
        name, colon, value = line.rstrip("\r").partition(":")
        if colon:
            yield name, value.removeprefix(" ")


def _decode(block: bytes) -> str:
    """UTF-8, and where a name is none, the bytes as Windows-1252 so that no message is lost for a name's sake."""
    try:
        return block.decode()
    except UnicodeDecodeError:
        return block.decode("cp1252", "replace")


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:40])
