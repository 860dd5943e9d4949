"""Only an IDR picture, found in the packet's own bytes, counts as a place to start from."""

import pytest

from videobench.data.access_units import is_instantaneous_refresh

AVC = bytes([1, 100, 0, 30, 0xFF, 0xE1])  # 4-byte lengths
HEVC = bytes([1]) + bytes(20) + bytes([0xFF, 0])  # the same


def packet(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def avc(kind: int) -> bytes:
    return bytes([0x60 | kind, 0x88, 0x84])


def hevc(kind: int) -> bytes:
    return bytes([kind << 1, 1, 0x80])


@pytest.mark.parametrize(
    ("codec", "extradata", "data", "expected"),
    [
        ("h264", AVC, packet(avc(5)), True),
        ("h264", AVC, packet(avc(9), avc(7), avc(8), avc(6), avc(5)), True),  # parameter sets and SEI first
        ("h264", AVC, packet(avc(6), avc(1)), False),  # a recovery point: marked as a key frame, isn't IDR
        ("h264", AVC, packet(avc(7), avc(8)), False),  # no picture at all
        ("h264", AVC, packet(b""), False),
        ("h264", AVC, b"", False),
        ("h264", b"\0\0\0\1\x67", packet(avc(5)), False),  # start codes, no configuration record
        ("h264", b"", packet(avc(5)), False),
        ("hevc", HEVC, packet(hevc(32), hevc(33), hevc(34), hevc(19)), True),
        ("hevc", HEVC, packet(hevc(20)), True),
        ("hevc", HEVC, packet(hevc(21)), False),  # CRA: what follows may be shown before it
        ("hevc", HEVC, packet(hevc(1)), False),
        ("mpeg4", AVC, packet(avc(5)), False),
    ],
)
def test_idr_pictures(codec: str, extradata: bytes, data: bytes, expected: bool) -> None:
    """The first coded picture decides; anything unclear counts as no."""
    assert is_instantaneous_refresh(codec, extradata, data) is expected


def test_shorter_length_fields() -> None:
    """The configuration record says how long the lengths are."""
    two_byte = bytes([1, 100, 0, 30, 0xFD, 0xE1])
    assert is_instantaneous_refresh("h264", two_byte, b"\0\3" + avc(5))
