"""MLLP frames: whole messages out of bytes as they come, and none out of anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.hl7.errors import BadFraming
from results.hl7.framing import FrameReader, framed

contents = st.binary(max_size=60).filter(lambda one: not {0x0B, 0x1C} & set(one))


@given(messages=st.lists(contents, max_size=5), sizes=st.lists(st.integers(1, 30), min_size=1))
def test_messages_come_out_as_they_went_in_however_they_are_cut(
    messages: list[bytes], sizes: list[int]
) -> None:
    wire = b"".join(map(framed, messages))
    reader, found, at, turn = FrameReader(1000), [], 0, 0
    while at < len(wire):
        size = sizes[turn % len(sizes)]
        found += reader.feed(wire[at : at + size])
        at, turn = at + size, turn + 1
    assert found == messages
    assert not reader.is_within


def test_what_lies_between_messages_is_of_none() -> None:
    reader = FrameReader(100)
    assert reader.feed(b"\r\n" + framed(b"MSH1") + b"\r\r " + framed(b"MSH2")) == [
        b"MSH1", b"MSH2",
    ]  # fmt: skip


def test_a_message_without_its_last_byte_is_whole_when_the_next_begins_or_no_more_comes() -> None:
    reader = FrameReader(4)
    assert reader.feed(framed(b"MSH1")[:-1]) == []
    assert reader.is_within
    assert reader.feed(framed(b"MSH2")[:-1]) == [b"MSH1"]
    assert reader.paused() == [b"MSH2"]
    assert not reader.is_within
    assert reader.feed(b"\r" + framed(b"MSH3")[:-3]) == []
    assert reader.paused() == []
    assert reader.feed(b"3\x1c\r") == [b"MSH3"]


@pytest.mark.parametrize("size", [1, 1000])
def test_the_byte_that_ends_a_message_cuts_none_in_two(size: int) -> None:
    """What came before it would be another patient's number, or half a report."""
    reader, wire = FrameReader(100), framed(b"MRG|12\x1c345")
    with pytest.raises(BadFraming, match="the byte that ends one") as caught:
        for at in range(0, len(wire), size):
            assert reader.feed(wire[at : at + size]) == []
    assert caught.value.beginning.startswith(b"MRG|12\x1c3")


def test_a_message_that_was_cut_off_gives_way_to_the_next() -> None:
    reader = FrameReader(100)
    assert reader.feed(b"\x0bMSH|cut of") == []
    assert reader.is_within
    assert reader.feed(framed(b"MSH|whole")) == [b"MSH|whole"]
    assert reader.feed(b"\x0bMSH|vertical\x0btab\x1c\r") == [b"MSH|vertical\x0btab"]


@pytest.mark.parametrize(("size", "taken"), [(99, True), (100, True), (101, False)])
def test_a_message_has_at_most_so_many_bytes(size: int, taken: bool) -> None:
    whole = framed(b"M" * size)
    if taken:
        assert FrameReader(100).feed(whole) == [b"M" * size]
        return
    for wire in (whole, whole[:-2]):
        with pytest.raises(BadFraming) as caught:
            FrameReader(100).feed(wire)
        assert caught.value.beginning == b"M" * 101


def test_another_protocol_is_none() -> None:
    reader = FrameReader(10**6)
    with pytest.raises(BadFraming, match="no MLLP"):
        for _ in range(5):
            reader.feed(b"GET / HTTP/1.1\r\n" * 100)


@given(st.lists(st.binary(max_size=100)))
def test_p9_any_bytes_are_messages_or_no_mllp(chunks: list[bytes]) -> None:
    reader = FrameReader(50)
    try:
        for one in chunks:
            for found in reader.feed(one):
                assert len(found) <= 50
    except BadFraming as error:
        assert len(error.beginning) <= 65536
