"""Whether all H.264 pictures are there that others refer to.

A decoder makes up for one that is missing, and with what depends on which others it has seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from videobench.data.access_units import length_size, units

_WITH_CHROMA_FORMAT = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)  # profiles: H.264 7.3.2.1.1
_BYTES_OF_A_HEADER = 16  # hold a slice's frame number, whatever stands before it
_IDR = 5


def has_all_references(extradata: bytes, packets: Iterable[bytes]) -> bool:
    """Say whether these packets, in decoding order from an IDR picture on, certainly lack no reference picture.

    ``extradata`` and packets are as MP4 stores them. Reference pictures are numbered without gaps, and each of the
    others has the number of the next one (``frame_num``: H.264 7.4.3). False also where that can't be told.
    """
    size = length_size("h264", extradata)
    if size is None:
        return False
    try:
        numbering = _numbering(extradata)
        expected = 0
        for packet in packets:
            picture = next(unit for unit in units(packet, size) if unit and 1 <= unit[0] & 31 <= _IDR)
            if picture[0] & 31 == _IDR:
                expected = 0
            if numbering.number(picture) != expected:
                return False
            if picture[0] >> 5 & 3:
                expected = (expected + 1) % (1 << numbering.bits)
    except (ValueError, StopIteration):  # bits that aren't there, a packet without a picture
        return False
    return True


@dataclass(frozen=True)
class _Numbering:
    """How long frame numbers are, and whether the number of a colour plane stands before them."""

    bits: int
    separate_planes: bool

    def number(self, picture: bytes) -> int:
        """Return ``frame_num`` of a slice (7.3.3)."""
        bits = _Bits(picture[1 : 1 + _BYTES_OF_A_HEADER])
        for _ in ("first macroblock", "type", "parameter set"):
            bits.exponential_golomb()
        if self.separate_planes:
            bits.read(2)
        return bits.read(self.bits)


def _numbering(extradata: bytes) -> _Numbering:
    """Read it from the first sequence parameter set (7.3.2.1.1) in the configuration record of ISO 14496-15."""
    length = int.from_bytes(extradata[6:8], "big")
    profile, parameters = extradata[9:10], _Bits(extradata[12 : 8 + length])
    parameters.exponential_golomb()  # its own number
    separate_planes = False
    if profile and profile[0] in _WITH_CHROMA_FORMAT:
        if has_all_chroma := parameters.exponential_golomb() == 3:
            separate_planes = parameters.read(1) == 1
        for _ in ("luma", "chroma"):
            parameters.exponential_golomb()  # their depth
        parameters.read(1)
        if parameters.read(1):
            for number in range(12 if has_all_chroma else 8):
                if parameters.read(1):
                    _skip_scaling_list(parameters, 16 if number < 6 else 64)
    return _Numbering(bits=parameters.exponential_golomb() + 4, separate_planes=separate_planes)


def _skip_scaling_list(bits: "_Bits", length: int) -> None:
    """Read a list of which each number is the one before and a difference, up to the first 0 (7.3.2.1.1.1)."""
    last = 8
    for _ in range(length):
        last = (last + bits.signed_exponential_golomb()) % 256
        if last == 0:
            return


class _Bits:
    """Reads bits off the payload of a unit; ValueError past its end."""

    def __init__(self, payload: bytes) -> None:
        payload = payload.replace(b"\0\0\3", b"\0\0")  # emulation prevention (7.4.1)
        self._value = int.from_bytes(payload, "big")
        self._left = 8 * len(payload)

    def read(self, length: int) -> int:
        self._left -= length
        return self._value >> self._left & (1 << length) - 1

    def exponential_golomb(self) -> int:
        rest = self._value & (1 << self._left) - 1
        num_zeros = self._left - rest.bit_length()
        self._left -= num_zeros
        return self.read(num_zeros + 1) - 1

    def signed_exponential_golomb(self) -> int:
        value = self.exponential_golomb()
        return (value + 1) // 2 if value % 2 else -value // 2
