"""Decodes frames of a video from the key frame before them, wherever that provably gives the right ones."""

from __future__ import annotations  # PyAV's Packet is generic in its type stubs only

from bisect import insort
from collections.abc import Iterator, Sequence

from av.container import InputContainer
from av.index import IndexEntry
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videobench.data.access_units import is_instantaneous_refresh
from videobench.data.demux import demuxed
from videobench.data.reference_pictures import has_all_references


class SeekNotExactError(Exception):
    """Something contradicts what exact seeking rests on: the file has to be decoded from its start."""


def seek_and_decode(
    container: InputContainer, stream: VideoStream, wanted: Sequence[int], num_frames: int | None
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield the wanted frames, each decoded from the IDR picture before it; raise where that isn't exact.

    The proof, step by step. (1) An MP4 sample table lists every packet in decoding order, with its place in
    the file; none is discarded by an edit list; ``num_frames`` frames came out of as many packets, so every
    packet gives one frame. (2) At an IDR picture with p packets before it, exactly p frames are shown before
    it. (3) The packets read from there are those the table lists, by place, and their timestamps are unique
    and not before the IDR's, so sorted they give each packet its frame number. (4) What the decoder returns
    must carry these timestamps, rising. (5) It has nothing to make up for, which it would do with other pictures
    than when decoding from the start: no H.264 reference is missing, and damage is an error. Any contradiction raises.
    """
    table = list(stream.index_entries)
    if (
        stream.codec_context.name not in ("h264", "hevc")
        or not table
        or len(table) != stream.frames  # fragmented, or cut by an edit list
        or (num_frames is not None and num_frames != len(table))
        or wanted[-1] >= len(table)
        or any(entry.is_discard for entry in table)
    ):
        raise SeekNotExactError
    stream.codec_context.options = {"err_detect": "explode"}
    for key, indices in _by_key_frame(wanted, [entry.is_keyframe for entry in table]):
        if key > 0:
            # The table's times are those of decoding, but the demuxer compares the time asked for with the
            # key frame's time of display: the first frame's delay between the two is nearly always every key's.
            delay = (stream.start_time or 0) - table[0].timestamp
            container.seek(table[key].timestamp + delay, stream=stream)
        packets, times = _packets_from(container, stream, table[key:], last=indices[-1] - key)
        yield from _decode_group(stream.codec_context, packets, {times[i - key]: i for i in indices})


def _by_key_frame(wanted: Sequence[int], is_key: Sequence[bool]) -> Iterator[tuple[int, list[int]]]:
    """Yield (number of the key frame to decode from, wanted frames reached from it), both rising.

    A new group starts only where that leaves frames out.
    """
    key, group = -1, [-1]
    for index in wanted:
        nearest = index
        while nearest > group[-1] + 1 and not is_key[nearest]:
            nearest -= 1
        if key >= 0 and not (is_key[nearest] and nearest > group[-1] + 1):
            group.append(index)
            continue
        if not is_key[nearest]:
            raise SeekNotExactError
        if key >= 0:
            yield key, group
        key, group = nearest, [index]
    yield key, group


def _packets_from(
    container: InputContainer, stream: VideoStream, table: Sequence[IndexEntry], *, last: int
) -> tuple[list[Packet[VideoStream]], list[int]]:
    """Read packets, first of all an IDR picture, until the ``last``-th frame in display order is among them.

    Returns the packets in decoding order and their timestamps in display order.
    """
    packets: list[Packet[VideoStream]] = []
    times: list[int] = []
    with demuxed(container, stream) as read:
        for packet in read:
            if packet.pts is None or packet.dts is None:
                break  # the end of the file (a packet without timestamps fails the count below)
            # No frame is shown before it is decoded, so nothing that follows comes earlier than this.
            if len(packets) > last and packet.dts > times[last]:
                break
            if packet.pts < packet.dts or len(packets) == len(table) or packet.pos != table[len(packets)].pos:
                raise SeekNotExactError
            if not packets:
                extradata = stream.codec_context.extradata or b""
                if not is_instantaneous_refresh(stream.codec_context.name, extradata, bytes(packet)):
                    raise SeekNotExactError
            packets.append(packet)
            insort(times, packet.pts)
    if len(packets) <= last or times[0] != packets[0].pts or len(set(times)) != len(times):
        raise SeekNotExactError
    return packets, times


def _decode_group(
    context: VideoCodecContext, packets: Sequence[Packet[VideoStream]], wanted: dict[int, int]
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode ``packets`` and yield (index, frame) for the timestamps in ``wanted``, all of them, in order.

    H.264 frames that are neither wanted nor referred to by others are skipped; it changes no other frame.
    (In H.265 such a frame may still serve higher temporal layers, so nothing is skipped there.)
    """
    # Packets that only later frames need are left out: told that the stream ends, the decoder gives all it has.
    last_wanted = max(place for place, packet in enumerate(packets) if packet.pts in wanted)
    needed = packets[: last_wanted + 1]
    may_skip = context.name == "h264"
    if may_skip and not has_all_references(context.extradata or b"", (bytes(packet) for packet in needed)):
        raise SeekNotExactError
    num_found = 0
    latest: int | None = None
    for packet in [*needed, None]:
        if may_skip:
            skip = packet is not None and packet.pts not in wanted
            context.skip_frame = "NONREF" if skip else "DEFAULT"
        for frame in context.decode(packet):
            if frame.pts is None or (latest is not None and frame.pts <= latest):
                raise SeekNotExactError
            if frame.is_corrupt or frame.interlaced_frame:  # that one may be spread over two packets
                raise SeekNotExactError
            latest = frame.pts
            if latest in wanted:
                yield wanted[latest], frame
                num_found += 1
        if num_found == len(wanted):
            return
    raise SeekNotExactError
