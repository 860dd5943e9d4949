"""A reference picture that is missing is noticed by the numbers of those around it."""

from pathlib import Path

import av
import pytest
from painted_videos import write_painted

from videobench.data.access_units import length_size, units
from videobench.data.reference_pictures import has_all_references

KINDS = {
    "b_frames_as_references": {"options": {"preset": "slow"}, "max_b_frames": 3},
    "baseline": {"options": {"preset": "veryfast", "profile": "baseline"}, "max_b_frames": 0},
    "4:4:4": {"options": {"preset": "veryfast"}, "pixel_format": "yuv444p"},
    "several_groups": {"options": {"preset": "veryfast"}, "gop": 7},
}


def read(path: Path) -> tuple[bytes, list[bytes]]:
    with av.open(str(path)) as container:
        extradata = container.streams.video[0].codec_context.extradata
        return extradata, [bytes(packet) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_reference_is_noticed(tmp_path: Path, kind: str) -> None:
    """Of packets of which one is left out, only those are whole that lack a picture no other refers to."""
    extradata, packets = read(write_painted(tmp_path / "a.mp4", 40, **KINDS[kind]))
    size = length_size("h264", extradata)
    assert size is not None
    assert has_all_references(extradata, packets)
    for left_out in range(1, 39):
        (picture,) = (unit for unit in units(packets[left_out], size) if unit[0] & 31 in (1, 5))
        opens_group = picture[0] & 31 == 5  # what follows then seems to go on with the group before, or doesn't
        if not opens_group and picture[0] >> 5 & 3:
            following = [unit[0] & 31 for unit in units(packets[left_out + 1], size)]
            assert has_all_references(extradata, packets[:left_out] + packets[left_out + 1 :]) is (5 in following)
        elif not opens_group:
            assert has_all_references(extradata, packets[:left_out] + packets[left_out + 1 :])


def test_numbers_begin_again(tmp_path: Path) -> None:
    """After 2^n pictures they count from 0 on, without a gap."""
    options = {"preset": "ultrafast", "x264-params": "ref=1"}  # as few numbers as there may be
    extradata, packets = read(write_painted(tmp_path / "a.mp4", 300, max_b_frames=0, gop=300, options=options))
    assert has_all_references(extradata, packets)


def test_scaling_lists_come_before_the_numbers(tmp_path: Path) -> None:
    """They are read over, wherever they end."""
    _, packets = read(write_painted(tmp_path / "plain.mp4", 40, gop=40, max_b_frames=0))
    profile = "10101101"  # of the parameter set: number 0, 4:2:0, 8 and 8 bits, scaling lists
    no_list, fallback, all_16 = "0", "1" + golomb(-8), "1" + golomb(8) + golomb(0) * 15
    for lists in (no_list * 8, fallback + no_list * 7, all_16 + no_list * 6 + "1" + golomb(1) * 64):
        bits = profile + lists + "1"  # numbers of 4 bits
        payload = int(bits.ljust(320, "0"), 2).to_bytes(40, "big")
        unit = bytes([0x67, 100, 0, 30]) + payload
        with_lists = bytes([1, 100, 0, 30, 0xFF, 0xE1]) + len(unit).to_bytes(2, "big") + unit
        assert has_all_references(with_lists, packets)
        assert not has_all_references(with_lists, packets[:5] + packets[6:])


def golomb(value: int) -> str:
    """The bits of a signed Exp-Golomb code (H.264 9.1.1)."""
    code = f"{2 * abs(value) + (value <= 0):b}"
    return "0" * (len(code) - 1) + code


def test_what_can_not_be_told_counts_as_no(tmp_path: Path) -> None:
    """No parameters, start codes, packets that are cut."""
    extradata, packets = read(write_painted(tmp_path / "plain.mp4", 5))
    assert not has_all_references(extradata[:12], packets)
    assert not has_all_references(extradata, [packets[0], packets[1][:5]])
    assert not has_all_references(extradata, [packets[0], b""])
    assert not has_all_references(b"", packets)
    extradata, packets = read(write_painted(tmp_path / "a.ts", 5))
    assert not has_all_references(extradata, packets)
