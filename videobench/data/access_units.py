"""What the bytes of a compressed frame prove about decoding from it (H.264 and H.265 as stored in MP4).

A seek is only exact where decoding can start and where the number of frames shown before is known. Both
hold at an IDR picture (H.264 7.4.1.2.4, H.265 8.1.3): it resets the decoder, and every picture that comes
before it in decoding order is also shown before it. A container's key-frame flag
alone promises neither (open groups).
"""

from collections.abc import Iterator


def length_size(codec: str, extradata: bytes) -> int | None:
    """Return the bytes of a unit's length field, from the decoder configuration record of ISO 14496-15."""
    position = {"h264": 4, "hevc": 21}.get(codec)
    if position is None or len(extradata) <= position or extradata[0] != 1:
        return None  # another codec, or start codes instead of lengths
    return (extradata[position] & 3) + 1


def units(packet: bytes, size: int) -> Iterator[bytes]:
    """Yield the units of a packet, of which each comes after its length in ``size`` bytes."""
    position = 0
    while position + size < len(packet):
        length = int.from_bytes(packet[position : position + size], "big")
        position += size
        yield packet[position : position + length]
        position += length


def is_instantaneous_refresh(codec: str, extradata: bytes, packet: bytes) -> bool:
    """Say whether ``packet`` is certainly an IDR picture; False also where that can't be told."""
    size = length_size(codec, extradata)
    if size is None:
        return False
    for unit in units(packet, size):
        if not unit:
            return False
        if codec == "h264":
            kind = unit[0] & 31
            if 1 <= kind <= 5:  # the first coded slice decides
                return kind == 5
        else:
            kind = (unit[0] >> 1) & 63
            if kind < 32:
                return kind in (19, 20)  # IDR_W_RADL, IDR_N_LP
    return False
