"""Bytes become messages in any chunks; what is damaged says nothing, and no byte of a name is taken for a header."""

import re
import tracemalloc
from functools import cache
from itertools import pairwise
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from recorded import NAMES, recording

from slmon.ami.translate import REPLAYED, VOCABULARY, Translator
from slmon.ami.wire import MAX_LINE, MAX_MESSAGE, AmiStream, Banner, Damaged, Message, Reply
from slmon.core.events import LegEnded, LegStarted, SnapshotTaken, StreamLost

BANNER = b"Asterisk Call Manager/9.0.0\r\n"
WANTED = {"Hangup": ("Timestamp", "Uniqueid", "Cause"),
          "Newchannel": ("Timestamp", "Channel", "CallerIDName", "Uniqueid")}
END = b"\r\n\r\n"


def lines_of(headers: dict[str, str]) -> bytes:
    return ("".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode()


def event(name: str, **headers: str) -> bytes:
    return lines_of({"Event": name, "Privilege": "call,all", **headers})


def listed(name: str, **headers: str) -> bytes:
    return lines_of({"Event": name, "ActionID": "a1", **headers})


def hangup(leg: str = "1.1") -> bytes:
    return event("Hangup", Timestamp="100.000000", Uniqueid=leg, Cause="16")


def ringing_in(name: str = "Bo") -> bytes:
    return event("Newchannel", Timestamp="100.000000", Channel="PJSIP/trunk-1", CallerIDName=name, Uniqueid="1.1")


HUNG_UP = Message("Hangup", ("100.000000", "1.1", "16"))
RANG_IN = Message("Newchannel", ("100.000000", "PJSIP/trunk-1", "Bo", "1.1"))


def items_of(data: bytes, stream: AmiStream | None = None) -> list:
    stream = stream or AmiStream(WANTED)
    return [item for item in stream.feed(data) + stream.close() if not isinstance(item, Banner)]


def plainly_read(data: bytes) -> list:
    """The same, for regular bytes only, in the plainest way."""
    found = []
    for block in data.decode().split("\r\n\r\n"):
        headers = dict(line.split(": ", 1) for line in block.split("\r\n") if ": " in line)
        if headers.get("Event") in WANTED:
            found.append(Message(headers["Event"], tuple(headers.get(name, "") for name in WANTED[headers["Event"]])))
        elif "Response" in headers:
            found.append(Reply(headers))
    return found


@cache
def real_messages() -> tuple[bytes, ...]:
    """One message of every name and order of headers in the recordings."""
    kinds: dict[tuple[bytes, ...], bytes] = {}
    for name in NAMES:
        for data in recording(name).captures:
            for block in data.partition(b"\r\n")[2].split(END)[:-1]:
                first, *others = block.split(b"\r\n")
                kinds.setdefault((first, *(line.partition(b":")[0] for line in others)), block + END)
    return tuple(kinds.values())


def warm_stream(vocabulary=REPLAYED) -> AmiStream:
    """A stream that has seen every kind of message before."""
    stream = AmiStream(vocabulary)
    stream.feed(BANNER + b"".join(real_messages()) * 2)
    return stream


NAME = st.sampled_from(["Timestamp", "Uniqueid", "Cause", "Channel", "CallerIDName", "ChannelState", "Context"])
VALUE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=12)
HEADERS = st.dictionaries(NAME, VALUE, max_size=7)
MESSAGES = st.lists(st.one_of(
    st.builds(lambda name, headers: lines_of({"Event": name, "Privilege": "call,all", **headers}),
              st.sampled_from(["Hangup", "Newchannel", "VarSet", "Reload"]), HEADERS),
    HEADERS.map(lambda headers: lines_of({"Response": "Success", **headers})),
), max_size=8).map(b"".join)


# -- rows 17 and 23: any chunks, any line ends


@given(MESSAGES, st.lists(st.integers(0, 2000), max_size=12))
def test_any_chunks_give_what_a_plain_reading_gives(data, cuts):
    text = BANNER + data
    places = [0, *sorted(cut % len(text) for cut in cuts), len(text)]
    stream = AmiStream(WANTED)
    items = [item for begin, end in pairwise(places) for item in stream.feed(text[begin:end])]
    assert items[1:] == plainly_read(data)
    assert stream.close() == []


@given(MESSAGES)
def test_a_byte_at_a_time_gives_the_same(data):
    stream = AmiStream(WANTED)
    one_by_one = [item for byte in BANNER + data for item in stream.feed(bytes([byte]))]
    assert one_by_one == AmiStream(WANTED).feed(BANNER + data)


@given(MESSAGES, st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=1))
def test_line_ends_of_any_mix_give_the_same(data, ends):
    lines = (BANNER + data).split(b"\r\n")[:-1]
    mixed = b"".join(line + ends[number % len(ends)] for number, line in enumerate(lines))
    assert items_of(mixed) == plainly_read(data)


def test_an_answer_is_no_part_of_the_unwanted_event_before_it_though_a_bare_line_feed_ends_that():
    unwanted, answer = event("VarSet", Variable="X"), lines_of({"Response": "Success", "ActionID": "3"})
    mixed = unwanted + unwanted.removesuffix(b"\r\n") + b"\n" + answer + answer
    assert items_of(BANNER + mixed) == [Reply({"Response": "Success", "ActionID": "3"})] * 2


def test_a_bare_empty_line_in_an_unwanted_event_is_the_same_in_any_chunks():
    text = BANNER + event("VarSet", Variable="X") + event("VarSet", Value="a\n\nb: c") + hangup()
    stream = AmiStream(WANTED)
    assert [item for byte in text for item in stream.feed(bytes([byte]))] == AmiStream(WANTED).feed(text)


@pytest.mark.parametrize("line", range(6))
def test_a_single_bare_line_feed_is_a_line_end_too(line):
    lines = (BANNER + hangup() + hangup()).splitlines(keepends=True)
    lines[line] = lines[line].replace(b"\r", b"")
    assert items_of(b"".join(lines)) == [HUNG_UP, HUNG_UP]


def test_no_space_after_the_colon_is_no_difference():
    assert items_of(BANNER + hangup().replace(b": ", b":")) == [HUNG_UP]


def test_a_value_keeps_its_own_spaces_and_colons():
    assert [item.values[2] for item in items_of(BANNER + ringing_in("  Bo: ; ") * 2)] == ["  Bo: ; "] * 2


def test_empty_lines_in_between_are_nothing():
    assert items_of(BANNER + b"\r\n\r\n" + hangup() + b"\r\n\n\r\n" + hangup()) == [HUNG_UP, HUNG_UP]


def test_lines_without_a_colon_and_empty_values_are_let_be():
    text = b"Event: Hangup\r\nPrivilege: call,all\r\n--END--\r\nTimestamp: \r\nUniqueid:1.1\r\nCause: 16\r\n\r\n"
    assert items_of(BANNER + text) == [Message("Hangup", ("", "1.1", "16"))]


# -- the way in haste and the patient way


def without(lines: list[bytes], number: int) -> list[bytes]:
    return lines[:number] + lines[number + 1:]


MUTATIONS = {
    "shuffled": lambda lines, random: [*lines[:2], *random.sample(lines[2:], len(lines) - 2)],
    "one gone": lambda lines, random: [*lines[:2], *random.sample(lines[2:], len(lines) - 3)],
    "one gone in its place": lambda lines, random: without(lines, random.randrange(2, len(lines))),
    "one twice": lambda lines, random: [*lines, random.choice(lines[2:])],
    "one twice in a row": lambda lines, random: [
        each for each in lines for _ in range(1 + (each == random.choice(lines[2:])))],
    "one more": lambda lines, random: [*lines[:3], b"Extra: 1", *lines[3:]],
    "empty": lambda lines, random: [*lines[:2], *(each.partition(b":")[0] + b": " for each in lines[2:])],
    "no space": lambda lines, random: [
        each.replace(b": ", b":", 1) if random.random() < 0.2 else each for each in lines],
    "odd value": lambda lines, random: [
        each + random.choice([b"\r", b" ", b"\x00", b"\xff", "\u2028Uniqueid: 9".encode(), b": x"])
        if random.random() < 0.2 and n > 1 else each for n, each in enumerate(lines)],
    "lower case": lambda lines, random: [each.lower() if n > 1 and random.random() < 0.2 else each
                                         for n, each in enumerate(lines)],
}


@settings(max_examples=500, deadline=None)
@given(st.integers(0), st.lists(st.sampled_from(sorted(MUTATIONS)), min_size=1, max_size=3), st.integers(0))
def test_a_known_shape_is_read_as_the_patient_way_reads_it(number, mutations, seed):
    message = real_messages()[number % len(real_messages())]
    lines = message.removesuffix(END).split(b"\r\n")
    assume(len(lines) > 6)
    random = Random(seed)
    for mutation in mutations:
        lines = MUTATIONS[mutation](lines, random)
    mutated = b"\r\n".join(lines) + END
    patient = AmiStream(REPLAYED)
    patient.feed(BANNER)
    assert known().feed(mutated) == patient.feed(mutated)


@cache
def known() -> AmiStream:
    return warm_stream()


def test_every_real_message_reads_the_same_the_second_time():
    stream, fresh = warm_stream(VOCABULARY), AmiStream(VOCABULARY)
    fresh.feed(BANNER)
    for message in real_messages():
        assert stream.feed(message) == AmiStream(VOCABULARY).feed(BANNER + message)[1:]


# -- row 12: a cut event with the next one straight after it


def cut_and_glued(first: bytes, second: bytes) -> list[tuple[int, list]]:
    """For every place to cut: where, and what a stream that knows all shapes makes of it."""
    stream = warm_stream()
    return [(cut, stream.feed(first[:cut] + second)) for cut in range(1, len(first))]


def first_of(name: str) -> bytes:
    return next(message for message in real_messages() if message.startswith(f"Event: {name}\r\n".encode()))


@pytest.mark.parametrize("second", ["Hangup", "BridgeEnter", "VarSet"])
@pytest.mark.parametrize("first", ["Newchannel", "Hangup", "BridgeEnter", "DialEnd", "VarSet", "CoreShowChannel"])
def test_no_header_of_an_event_is_taken_for_one_of_the_event_cut_before_it(first, second):
    for cut, items in cut_and_glued(first_of(first), first_of(second)):
        assert [type(item) for item in items] == [Damaged], (cut, items)


def test_after_a_damaged_message_the_next_one_is_read():
    text = BANNER + hangup() + hangup()[:60] + hangup() + hangup()
    assert [type(item) for item in items_of(text)] == [Message, Damaged, Message]


def test_a_damaged_message_is_a_gap_for_the_core():
    events = Translator().translate(AmiStream(REPLAYED).feed(BANNER + hangup() + hangup()[:60] + hangup()))
    assert [type(each) for each in events] == [LegEnded, StreamLost]


# -- row 13: the end in the middle


@pytest.mark.parametrize("cut", range(1, len(hangup()) - 2, 7))
def test_a_message_without_its_end_says_nothing(cut):
    assert [type(item) for item in items_of(BANNER + hangup()[:cut])] == [Damaged]


def test_a_stream_that_ends_after_a_message_is_whole():
    assert items_of(BANNER + hangup()) == [HUNG_UP]


# -- row 15: bounds


def peak_of(chunks) -> tuple[int, list]:
    """The most memory held while the chunks are read, and the items that are not messages."""
    stream = AmiStream(WANTED)
    stream.feed(BANNER)
    odd = []
    tracemalloc.start()
    try:
        for chunk in chunks:
            odd += [item for item in stream.feed(chunk) if not isinstance(item, Message)]
        odd += stream.feed(b"\r\n\r\n" + hangup())
        return tracemalloc.get_traced_memory()[1], odd
    finally:
        tracemalloc.stop()


ENDLESS = {
    "no line feed": b"x" * MAX_LINE,
    "one header after the other": b"Uniqueid: 1\r\n" * (MAX_LINE // 13),
    "the beginning of an event": (b"Event: Hangup\r\n" + b"y" * MAX_LINE)[:MAX_LINE],
    "carriage returns": b"\r" * MAX_LINE,
    "NUL": b"\0" * MAX_LINE,
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_hundred_megabytes_without_an_end_take_no_memory_and_the_next_message_is_read(kind):
    peak, items = peak_of(ENDLESS[kind] for _ in range(1600))
    assert peak < 6 * MAX_MESSAGE
    assert items == [Damaged("message longer than 1 MiB"), HUNG_UP]


def test_a_million_tiny_messages_are_let_go_of_one_by_one():
    peak, items = peak_of(b"\r\n\r\n\n\nA: 1\n\n" * 5000 for _ in range(20))
    assert peak < 60 * MAX_MESSAGE
    assert {type(item) for item in items[:-1]} == {Damaged}
    assert items[-1] == HUNG_UP


def test_a_line_of_more_than_64_kib_is_damaged_and_costs_no_other_message():
    text = BANNER + hangup() + ringing_in("x" * (MAX_LINE + 1)) + hangup()
    assert items_of(text) == [HUNG_UP, Damaged("line longer than 64 KiB"), HUNG_UP]


def test_a_long_message_in_single_bytes_is_read_in_one_go_at_its_end():
    # Each byte is looked at once: looked at anew with every byte, a mebibyte would take minutes here.
    long = event("Hangup", Timestamp="1", Uniqueid="1.1", Cause="16", **{f"X{n}": "y" * 60_000 for n in range(16)})
    stream = AmiStream(WANTED)
    stream.feed(BANNER)
    items = [item for at in range(len(long)) for item in stream.feed(long[at:at + 1])]
    assert items == [Message("Hangup", ("1", "1.1", "16"))]


# -- rows 16, 19, 20, 21: what stands in names


LINE_ENDS_ELSEWHERE = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\0", "\x1b[2J", "\r"]


@pytest.mark.parametrize("char", LINE_ENDS_ELSEWHERE)
def test_no_other_character_than_a_line_feed_begins_a_header(char):
    name = f"Bo{char}Uniqueid: 9.9{char}{char}Event: Hangup{char}"
    told = Message("Newchannel", ("100.000000", "PJSIP/trunk-1", name.rstrip("\r"), "1.1"))
    assert items_of(BANNER + ringing_in(name) + ringing_in() + ringing_in(name)) == [told, RANG_IN, told]


def test_a_name_in_windows_1252_is_read_as_it_was_meant():
    text = BANNER + ringing_in() + ringing_in("@").replace(b"@", "Søren Ærø €".encode("cp1252"))
    assert items_of(text)[1].values[2] == "Søren Ærø €"


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\x81", b"Bj\xf8rn \xe2\x82", b"\xed\xa0\x80", b"\xc3"])
def test_a_name_that_is_no_text_costs_no_message(raw):
    found = items_of(BANNER + ringing_in() + ringing_in("@").replace(b"@", raw))
    assert [item.values[3] for item in found] == ["1.1", "1.1"]


def test_a_character_cut_between_two_chunks_is_whole():
    stream, data = AmiStream(WANTED), BANNER + ringing_in("Ærø ☎")
    halves = [stream.feed(data[:cut]) + stream.feed(data[cut:]) for cut in range(len(data))
              if (stream := AmiStream(WANTED))]
    assert all(each[-1].values[2] == "Ærø ☎" for each in halves)


def test_a_forged_header_makes_the_message_illegal_and_not_another_one():
    forged = ringing_in("Bo\r\nUniqueid: 9.9")
    assert items_of(BANNER + ringing_in() + forged) == [RANG_IN, Damaged("header Uniqueid twice in one event")]


# -- row 18: headers twice


def test_channel_variables_may_repeat():
    text = hangup().replace(b"Cause: 16", b"ChanVariable: A=1\r\nChanVariable: B=2\r\nCause: 16")
    assert items_of(BANNER + text * 2) == [HUNG_UP, HUNG_UP]


def test_two_ids_in_one_event_are_set_aside():
    text = hangup().replace(b"Cause: 16", b"Uniqueid: 2.2\r\nCause: 16")
    assert items_of(BANNER + hangup() + text + hangup()) == [
        HUNG_UP, Damaged("header Uniqueid twice in one event"), HUNG_UP]


def test_the_word_for_a_damaged_header_holds_nothing_that_moves_a_terminal():
    text = b"Event: Hangup\r\nA\x1b[2J\xe2\x80\xae: 1\r\nA\x1b[2J\xe2\x80\xae: 2\r\n\r\n"
    [damaged] = items_of(BANNER + text)
    assert damaged.reason.isprintable()


# -- row 22: odd names and numbers


@pytest.mark.parametrize("name", ["__proto__", "", "x" * 60_000, "Hangup ", "hangup", "constructor", "NaN"])
def test_events_of_other_names_are_no_messages(name):
    assert items_of(BANNER + event(name, Uniqueid="1.1") + hangup()) == [HUNG_UP]


def test_names_nobody_asked_for_are_not_remembered_without_end():
    stream = AmiStream(WANTED)
    stream.feed(BANNER)
    tracemalloc.start()
    for number in range(20_000):
        stream.feed(event(f"Odd{number}", Uniqueid="1.1"))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


ABSURD = ["", "NaN", "-1", "1e999", "99999999999999999999.000000", "²³", "1795418366.42x667", "inf", "0x10", "9" * 5000,
          "1795418366,428667", ".5"]


@pytest.mark.parametrize("stamp", ABSURD)
def test_a_timestamp_that_is_none_leaves_the_clock_as_it_was(stamp):
    translator = Translator()
    before = translator.translate(AmiStream(REPLAYED).feed(BANNER + hangup()))
    after = translator.translate(AmiStream(REPLAYED).feed(BANNER + event("Hangup", Timestamp=stamp, Uniqueid="1.1")))
    assert [each.at for each in before + after] == [100_000_000, 100_000_000]


@pytest.mark.parametrize(("text", "at"), [("5", 5_000_000), ("5.5", 5_500_000), ("5.123456789", 5_123_456),
                                          ("1795418366.428667", 1_795_418_366_428_667)])
def test_a_timestamp_is_read_to_the_microsecond(text, at):
    [hung_up] = Translator().translate(AmiStream(REPLAYED).feed(BANNER + event("Hangup", Timestamp=text)))
    assert hung_up.at == at


def test_a_listed_channel_without_an_id_is_none():
    text = listed("CoreShowChannel", Channel="PJSIP/1-1") + listed("CoreShowChannel", Uniqueid="1.1")
    [snapshot] = Translator().translate(AmiStream(VOCABULARY).feed(
        BANNER + event("Hangup", Timestamp="100.5") + text + listed("CoreShowChannelsComplete")))[1:]
    assert [leg.leg for leg in snapshot.legs] == ["1.1"]


def test_a_listed_channel_in_a_bridge_that_only_parks_stands_in_none():
    bridges = (listed("BridgeListItem", BridgeUniqueid="lot", BridgeTechnology="holding_bridge")
               + listed("BridgeListItem", BridgeUniqueid="talk", BridgeTechnology="native_rtp"))
    channels = (listed("CoreShowChannel", Uniqueid="1.1", BridgeId="lot")
                + listed("CoreShowChannel", Uniqueid="1.2", BridgeId="talk"))
    [snapshot] = Translator().translate(AmiStream(VOCABULARY).feed(
        BANNER + event("Hangup", Timestamp="100.5") + bridges + listed("BridgeListComplete") + channels
        + listed("CoreShowChannelsComplete")))[1:]
    assert [leg.bridge for leg in snapshot.legs] == ["", "talk"]


def test_a_listed_channel_has_the_number_that_it_came_in_by_where_the_pbx_tells():
    states = (listed("Status", Uniqueid="1.1", Type="PJSIP", DNID="70200100")
              + listed("Status", Uniqueid="1.2", Type="PJSIP", DNID="")
              + listed("Status", Uniqueid="1.3", Type="DAHDI", DNID=""))         # an analogue line has none

    def channels(action):
        items = (listed("CoreShowChannel", Uniqueid=f"1.{number}", ActionID=action) for number in (1, 2, 3, 4))
        return b"".join([*items, listed("CoreShowChannelsComplete", ActionID=action)])
    first, again = Translator().translate(AmiStream(VOCABULARY).feed(
        BANNER + event("Hangup", Timestamp="100.5") + states + listed("StatusComplete") + channels("a2")
        + channels("a3")))[1:]
    assert [leg.dialled for leg in first.legs] == ["70200100", "", None, None]
    assert {leg.dialled for leg in again.legs} == {None}      # what was told is of that moment


@pytest.mark.parametrize(("leg", "age", "began"), [
    ("pbx1-1795662138.140", "00:00:04", 139),            # moved into a consultation of four seconds
    ("1795662138.140", "00:01:00", 139), ("pbx1-1795662138.140", "00:00:08", 138.9),
    ("1.1", "00:00:04", 142.9), ("pbx1-1795662999.140", "00:00:04", 142.9), ("1795662138.x", "00:00:04", 142.9)])
def test_a_channel_that_was_moved_into_another_began_when_its_id_says(leg, age, began):
    [snapshot] = Translator().translate(AmiStream(VOCABULARY).feed(
        BANNER + event("Hangup", Timestamp="1795662146.900000") + listed("CoreShowChannel", Uniqueid=leg, Duration=age)
        + listed("CoreShowChannelsComplete")))[1:]
    assert snapshot.legs[0].started_at == round((1795662000 + began) * 1_000_000)


@pytest.mark.parametrize("number", ABSURD)
def test_absurd_numbers_in_events_and_lists_are_unknown(number):
    items = AmiStream(VOCABULARY).feed(
        BANNER + event("Newchannel", Timestamp="100.5", Channel="PJSIP/1-1", ChannelState=number, Uniqueid="1.1")
        + event("Hangup", Timestamp="101.5", Cause=number, Uniqueid="1.1")
        + event("QueueMemberStatus", Timestamp="102.5", Queue="q", Interface="PJSIP/1", Status=number, Paused=number)
        + b"".join(listed(name, **headers) for name, headers in {
            "CoreShowChannel": {"ChannelState": number, "Duration": number, "Uniqueid": "1.1"},
            "QueueEntry": {"Queue": "q", "Uniqueid": "1.1", "Wait": number},
            "QueueMember": {"Queue": "q", "Location": "PJSIP/1", "Status": number, "Paused": number},
            "QueueStatusComplete": {}, "CoreShowChannelsComplete": {}}.items())
        + event("FullyBooted", Uptime=number))
    events = Translator().translate(items)
    assert isinstance(events[0], LegStarted)
    assert events[1].cause is None
    [snapshot] = [each for each in events if isinstance(each, SnapshotTaken)]
    assert snapshot.legs[0].started_at == snapshot.at == snapshot.callers[0].joined_at
    assert all(each.at >= 0 for each in events)


# -- the first line


@pytest.mark.parametrize("first", [b"Asterisk Call Manager/9.0.0\r\n", b"Asterisk Call Manager/9.0.0\n"])
def test_the_banner_is_told_and_is_no_message(first):
    assert AmiStream(WANTED).feed(first + hangup()) == [Banner("Asterisk Call Manager/9.0.0"), HUNG_UP]


def test_a_capture_without_a_banner_begins_with_its_first_message():
    assert AmiStream(WANTED).feed(hangup()) == [HUNG_UP]


@pytest.mark.parametrize("first", [b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x16\x03\x01\n"])
def test_another_first_line_is_told_as_it_is(first):
    [banner] = AmiStream(WANTED).feed(first)
    assert banner == Banner(first.decode().strip("\r\n"))


def test_a_first_line_without_an_end_is_told_cut_short():
    [banner] = AmiStream(WANTED).feed(b"z" * (MAX_LINE + 1))
    assert banner == Banner("z" * 200)


def test_a_first_line_is_not_told_before_it_is_whole():
    stream = AmiStream(WANTED)
    assert [stream.feed(bytes([byte])) for byte in BANNER[:-1]] == [[]] * (len(BANNER) - 1)
    assert stream.feed(b"\n") == [Banner("Asterisk Call Manager/9.0.0")]


# -- answers


def test_an_answer_tells_all_its_headers():
    headers = {"Response": "Success", "ActionID": "7", "Message": "Authentication accepted"}
    assert items_of(BANNER + lines_of(headers)) == [Reply(headers)]


def test_a_message_that_is_neither_event_nor_answer_is_damaged():
    assert [type(item) for item in items_of(BANNER + b"Uniqueid: 1.1\r\n\r\n" + hangup())] == [Damaged, Message]


@settings(deadline=None)
@given(st.binary(max_size=400), st.integers(1, 40))
def test_no_bytes_at_all_raise(data, chunk):
    stream, translator = warm_copy(), Translator()
    for at in range(0, len(data), chunk):
        translator.translate(stream.feed(data[at:at + chunk]))
    translator.release()
    stream.close()


@settings(deadline=None)
@given(st.data())
def test_no_damage_to_real_bytes_raises(data):
    stream, translator = warm_copy(), Translator()
    text = bytearray(b"".join(data.draw(st.lists(st.sampled_from(real_messages()), max_size=4))))
    for at in data.draw(st.lists(st.integers(0, max(0, len(text) - 1)), max_size=10)):
        if text:
            text[at] = data.draw(st.sampled_from(b"\r\n: \0\xffE"))
    translator.translate(stream.feed(bytes(text)))
    translator.release()


def warm_copy() -> AmiStream:
    stream = AmiStream(REPLAYED)
    stream.feed(BANNER + b"".join(real_messages()[:40]))
    return stream


def test_the_headers_read_exist_in_real_messages():
    told = {}
    for message in real_messages():
        lines = message.decode("utf-8", "replace").split("\r\n")
        told.setdefault(lines[0].removeprefix("Event: "), set()).update(re.split(":", line)[0] for line in lines)
    for name, headers in REPLAYED.items():
        if name in told:
            assert set(headers) - told[name] <= {"Timestamp", "ActionID", "RetrieverUniqueid"}, name
