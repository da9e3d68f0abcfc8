"""What the fuzzer begins with: stories of real calls, lines of real logs; and how to shuffle them."""

import lzma
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

from recorded import FOLDER, NAMES, recording

from slmon.ami.translate import VOCABULARY

END = b"\r\n\r\n"
STORIES_A_RECORDING = 3
LONGEST_STORY = 4500
LINES_AT_ONCE = 24
CUT_IN = (b"\x40\x00", b"\x00\x00", b"\x07\x00", b"\x4a\x05")        # whole, in single bytes, by eights, anywhere
LOGS = {"restart": ("cel.csv.xz", "queue_log.xz", "Master.csv.xz"), "smoke": ("cel.csv.xz",)}


def write(target: str, folder: Path) -> None:
    """The inputs to begin with, each a file."""
    for number, said in enumerate(_stories() if target == "ami" else _lines()):
        (folder / f"{target}-{number:03}").write_bytes(CUT_IN[number % len(CUT_IN)] + said)


def dictionary(folder: Path) -> Path:
    """A file of words that an input of any use has."""
    words = {"Event: ", "Response: ", "Privilege: call,all", "\\x0d\\x0a", "\\x0d\\x0a\\x0d\\x0a", "\\x0a\\x0a",
             "\\xe2\\x80\\xa8", "\\xff"}
    words |= {f"Event: {name}" for name in VOCABULARY}
    words |= {f"{header}: " for headers in VOCABULARY.values() for header in headers}
    path = folder / "words.txt"
    path.write_text("".join(f'"{word}"\n' for word in sorted(words)), encoding="utf-8")
    return path


def mark(data: bytes) -> bytes:
    """What stands between the parts of an input: messages, or lines."""
    return END if END in data else b"\n"


def shuffled(parts: list[bytes], random: Random) -> list[bytes]:
    """Two parts have changed places, or one is gone, twice, somewhere else, or has a value of another."""
    here, there = random.randrange(len(parts)), random.randrange(len(parts))
    told = list(parts)
    match random.randrange(6):
        case 0:
            told[here], told[there] = told[there], told[here]
        case 1 if len(told) > 1:
            del told[here]
        case 2:
            told.insert(there, told[here])
        case 3:
            told.insert(there, told.pop(here))
        case _:
            told[here] = _with_a_value_of(told[there], told[here], random)
    return told


def _with_a_value_of(other: bytes, part: bytes, random: Random) -> bytes:
    """The part, with one value that the other part has, as a header or as a column."""
    for between in (b"\r\n", b'","', b"|", b","):
        ours, theirs = part.split(between), other.split(between)
        if len(ours) > 1 and len(theirs) > 1:
            number, taken = random.randrange(len(ours)), random.choice(theirs)
            value = taken.partition(b": ")[2] if between == b"\r\n" else taken
            name, colon, _ = ours[number].partition(b": ")
            ours[number] = name + colon + value if colon else value
            return between.join(ours)
    return part


def _stories() -> Iterator[bytes]:
    for name in NAMES:
        told = [_thin(block) for block in recording(name).captures[0].partition(b"\r\n")[2].split(END)[:-1]]
        messages = [each for each in told if each]
        legs = [_value(each, b"Linkedid: ") for each in messages if each.startswith(b"Event: QueueCallerJoin")]
        legs += [_value(each, b"Linkedid: ") for each in messages if each.startswith(b"Event: BlindTransfer")]
        for leg in list(dict.fromkeys(legs))[:STORIES_A_RECORDING]:
            yield _whole(each for each in messages if leg in each)
        yield _whole(each for each in messages if b"ActionID: " in each)


def _whole(messages: Iterator[bytes]) -> bytes:
    """As many whole messages as there is room for."""
    said = b""
    for each in messages:
        if len(said) + len(each) > LONGEST_STORY:
            break
        said += each + END
    return said


def _thin(block: bytes) -> bytes:
    """A message with the headers that anybody reads; nothing, where nobody does."""
    lines = block.split(b"\r\n")
    wanted = VOCABULARY.get(lines[0].removeprefix(b"Event: ").decode("ascii", "replace"))
    if wanted is None:
        return b""
    kept = {header.encode() for header in (*wanted, "Privilege")}
    return b"\r\n".join([lines[0], *(line for line in lines[1:] if line.partition(b":")[0] in kept)])


def _value(message: bytes, header: bytes) -> bytes:
    return message.partition(header)[2].partition(b"\r\n")[0]


def _lines() -> Iterator[bytes]:
    for name, files in LOGS.items():
        logs = [lzma.decompress((FOLDER / name / file).read_bytes()).splitlines(keepends=True) for file in files]
        for log in logs:
            starts = range(0, min(len(log), 10 * LINES_AT_ONCE), LINES_AT_ONCE)
            yield from (b"".join(log[begin:end]) for begin, end in pairwise(starts))
        yield b"".join(line for log in logs for line in log[:LINES_AT_ONCE // 2])
