"""Frame i is the i-th frame that decoding everything yields, in every kind of file, however it is reached."""

import random
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from decoded_plainly import reference
from painted_videos import HEIGHT, WIDTH, numbers, painted, truncated, write_painted

from videobench.data import decode, exact_seek
from videobench.data.decode import FILTERS, decode_frames, probe, stream_frames
from videobench.errors import DataError

H264 = {"preset": "veryfast", "crf": "20"}

# Name -> how the file is written. Each of 60 frames, numbered from 0.
KINDS = {
    "b_frames.mp4": {"gop": 12, "max_b_frames": 3},
    "b_frames_as_references.mp4": {"gop": 24, "max_b_frames": 3, "options": {**H264, "preset": "slow"}},
    "one_group.mp4": {"gop": 250},
    "no_b_frames.mp4": {"gop": 10, "max_b_frames": 0},
    "only_key_frames.mp4": {"gop": 1, "max_b_frames": 0},
    "open_groups.mp4": {"gop": 12, "max_b_frames": 3, "options": {**H264, "x264-params": "open-gop=1"}},
    "interlaced.mp4": {"gop": 12, "options": {**H264, "flags": "+ildct+ilme"}},
    "variable_rate.mp4": {"gop": 12, "times": [3 * i + i % 3 for i in range(60)]},
    "late_start.mp4": {"gop": 12, "times": [50 + i for i in range(60)]},
    "huge_gap.mp4": {"gop": 12, "times": [i if i < 30 else 5000 + i for i in range(60)]},
    "fragmented.mp4": {"gop": 12, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "b_frames.mkv": {"gop": 12, "max_b_frames": 3},
    "b_frames.ts": {"gop": 12, "max_b_frames": 3},
    "h264_in.avi": {"gop": 12, "max_b_frames": 2},
    "xvid_like.avi": {"gop": 12, "codec": "mpeg4", "options": {"qscale": "3", "flags": "+qscale"}},
    "mpeg4.mp4": {"gop": 12, "codec": "mpeg4", "options": {"qscale": "3", "flags": "+qscale"}},
    "hevc.mp4": {
        "gop": 12,
        "codec": "libx265",
        "options": {"x265-params": "log-level=none:pools=none:open-gop=0:bframes=3"},
    },
    "hevc_open_groups.mp4": {
        "gop": 12,
        "codec": "libx265",
        "options": {"x265-params": "log-level=none:pools=none:open-gop=1:bframes=3"},
    },
    "motion_jpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p", "max_b_frames": 0},
}
SEEKS = ("b_frames.mp4", "b_frames_as_references.mp4", "one_group.mp4", "no_b_frames.mp4", "only_key_frames.mp4")
SEEKS += ("variable_rate.mp4", "late_start.mp4", "huge_gap.mp4", "hevc.mp4")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name, how in KINDS.items():
        write_painted(folder / name, 60, **how)
    return folder


def index_lists(num_frames: int) -> list[list[int]]:
    """Clips from everywhere, strided, looped, backwards, scattered, repeated, all, and single frames."""
    draw = random.Random(0)
    lists = [list(range(start, min(start + 8, num_frames))) for start in range(0, num_frames, 7)]
    lists += [list(range(0, num_frames, 4)), list(range(num_frames))[::-1], [num_frames - 1], [0], [0, 0, 0]]
    lists += [[i % num_frames for i in range(num_frames - 3, num_frames + 5)]]
    lists += [[draw.randrange(num_frames) for _ in range(6)] for _ in range(6)]
    return lists


@pytest.mark.parametrize("name", KINDS)
def test_numbers_painted_in_are_those_asked_for(videos: Path, name: str) -> None:
    """Any list of indices, in any order, gives those frames, with and without the number of frames."""
    assert probe(videos / name).num_frames == 60
    for place, indices in enumerate(index_lists(60)):
        clip = decode_frames(videos / name, indices, num_frames=60 if place % 2 else None)
        assert numbers(clip) == indices


@pytest.mark.parametrize("name", KINDS)
def test_frames_are_bit_equal_to_decoding_everything(videos: Path, name: str) -> None:
    """Seeking, skipping and scaling in one pass change no bit."""
    frames = reference(videos / name, size=(20, 30))
    for indices in index_lists(60)[::3]:
        assert np.array_equal(decode_frames(videos / name, indices, size=(20, 30)), frames[indices])


@pytest.mark.parametrize("name", SEEKS)
def test_ordinary_files_are_not_decoded_from_their_start(
    videos: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exact seek serves plain MP4 files: otherwise the tests above would only test the way around it."""
    monkeypatch.delattr(decode, "_decode_from_start")
    for indices in index_lists(60):
        assert numbers(decode_frames(videos / name, indices)) == indices


def test_a_late_clip_does_not_decode_the_frames_before_its_key_frame(
    videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames 49 and 50 of a file with a key frame every 12 need only packets from number 48 on."""
    fed: list[int] = []
    whole = exact_seek._decode_group

    def spy(context, packets, wanted):
        fed.append(len(packets))
        return whole(context, packets, wanted)

    monkeypatch.setattr(exact_seek, "_decode_group", spy)
    decode_frames(videos / "b_frames.mp4", [49, 50])
    assert len(fed) == 1
    assert fed[0] < 12


def test_frames_are_streamed_one_by_one(videos: Path) -> None:
    """Each wanted frame comes once, rising, as decode_frames has it."""
    for name in ("b_frames.mp4", "b_frames.mkv"):
        frames = stream_frames(videos / name, [3, 4, 50], size=(20, 30))
        assert np.array_equal(next(frames)[1], decode_frames(videos / name, [3], size=(20, 30))[0])
        assert [index for index, _ in frames] == [4, 50]


@pytest.mark.parametrize(("lie", "again"), [(0, []), (1, [10, 11])])
def test_a_file_that_contradicts_its_table_midway_is_put_right(
    videos: Path, monkeypatch: pytest.MonkeyPatch, lie: int, again: list[int]
) -> None:
    """Frames that decoding from the start gives too don't come again; wrong ones do, corrected by decode_frames."""
    whole = decode.seek_and_decode

    def breaks_off(container, stream, wanted, num_frames):
        for index, frame in whole(container, stream, [index + lie for index in wanted[:2]], num_frames):
            yield index - lie, frame
        raise exact_seek.SeekNotExactError

    monkeypatch.setattr(decode, "seek_and_decode", breaks_off)
    path = videos / "b_frames.mp4"
    assert [index for index, _ in stream_frames(path, [10, 11, 20, 21])] == [10, 11, *again, 20, 21]
    assert numbers(decode_frames(path, [10, 11, 20, 21])) == [10, 11, 20, 21]


@pytest.mark.parametrize("filter", FILTERS)
def test_every_filter_is_swscales(videos: Path, filter: str) -> None:
    """Each name stands for swscale's filter of that name, and they differ."""
    size = (31, 41)
    frames = reference(videos / "one_group.mp4", size=size, filter=filter.upper())
    assert np.array_equal(decode_frames(videos / "one_group.mp4", [5], size=size, filter=filter)[0], frames[5])


def rewritten(source: Path, target: Path, change: Callable[[int, bytes], bytes | None]) -> Path:
    """Copy the packets of a file as ``change`` gives them, called with their number; None leaves one out."""
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        stream = write.add_stream_from_template(read.streams.video[0])
        for number, packet in enumerate(read.demux(video=0)):
            data = change(number, bytes(packet)) if packet.size else None
            if data is None:
                continue
            changed = av.Packet(data)
            changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
            changed.is_keyframe, changed.stream = packet.is_keyframe, stream
            write.mux(changed)
    return target


def missing_reference(number: int, data: bytes) -> bytes | None:
    return None if number == 17 else data


def damaged_key_frame(number: int, data: bytes) -> bytes:
    return data[:30] + bytes(byte ^ 0x55 for byte in data[30:]) if number == 24 else data


@pytest.mark.parametrize(
    ("name", "change"),
    [("b_frames_as_references.mp4", missing_reference), ("b_frames.mp4", damaged_key_frame)],
    ids=["missing reference", "damaged key frame"],
)
def test_what_is_made_up_for_damage_is_the_same(videos: Path, tmp_path: Path, name: str, change: Callable) -> None:
    """Where a decoder fills a gap, each frame is still the one that decoding everything gives."""
    path = rewritten(videos / name, tmp_path / name, change)
    num_frames = probe(path).num_frames
    frames = reference(path)
    assert numbers(reference(path)) != list(range(num_frames)), "nothing was damaged"
    for index in range(num_frames):
        assert np.array_equal(decode_frames(path, [index], num_frames=num_frames)[0], frames[index])


# Matrix (a, b, c, d) -> what it does to the picture: (x, y), y down, is shown at (ax + cy, bx + dy).
ORIENTATIONS = {
    (0, 1, -1, 0): lambda picture: np.rot90(picture, -1),
    (-1, 0, 0, -1): lambda picture: np.rot90(picture, 2),
    (0, -1, 1, 0): lambda picture: np.rot90(picture, 1),
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (0, 1, 1, 0): lambda picture: picture.swapaxes(0, 1),
    (0, -1, -1, 0): lambda picture: np.rot90(picture, 2).swapaxes(0, 1),
}


@pytest.mark.parametrize("matrix", ORIENTATIONS)
def test_orientation_is_applied(videos: Path, tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    """A file that says how to turn or mirror it comes upright, in the size it is shown at."""
    data = bytearray((videos / "one_group.mp4").read_bytes())
    place = data.index(b"tkhd") + 44
    assert struct.unpack_from(">9i", data, place) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    a, b, c, d = (number << 16 for number in matrix)
    struct.pack_into(">5i", data, place, a, b, 0, c, d)
    path = tmp_path / "turned.mp4"
    path.write_bytes(data)
    expected = ORIENTATIONS[matrix](decode_frames(videos / "one_group.mp4", [7])[0])
    assert np.array_equal(decode_frames(path, [7])[0], expected)
    assert (probe(path).height, probe(path).width) == expected.shape[:2]
    size = (expected.shape[0] // 2, expected.shape[1] // 2)
    assert decode_frames(path, [7], size=size).shape == (1, *size, 3)


def test_probe_tells_what_is_in_the_file(videos: Path) -> None:
    """Size in px and bytes, and the rate."""
    path = videos / "b_frames.mp4"
    info = probe(path)
    assert (info.height, info.width, info.fps, info.size_bytes) == (HEIGHT, WIDTH, 25.0, path.stat().st_size)


def test_probe_tells_when_frames_are_shown(videos: Path) -> None:
    """Only a rate that varies needs their times; otherwise frame i is shown at i / fps, whenever the first one is."""
    regular = probe(videos / "late_start.mp4")
    assert (regular.fps, regular.times) == (25.0, None)
    varying = probe(videos / "variable_rate.mp4")
    times = [(3 * i + i % 3) / 25 for i in range(60)]
    assert varying.times == pytest.approx(times)
    assert varying.fps == pytest.approx(59 / times[-1])


def test_probe_counts_the_frames_that_come_out(videos: Path, tmp_path: Path) -> None:
    """A header that counts more than the decoder gives is not believed."""
    data = bytearray((videos / "xvid_like.avi").read_bytes())
    length = data.index(b"strh") + 40  # dwLength of the stream header
    assert int.from_bytes(data[length : length + 4], "little") == 60
    data[length : length + 4] = (75).to_bytes(4, "little")
    (tmp_path / "liar.avi").write_bytes(data)
    with av.open(str(tmp_path / "liar.avi")) as container:
        assert container.streams.video[0].frames == 75
    assert probe(tmp_path / "liar.avi").num_frames == 60


def test_frames_of_several_sizes_need_a_size(videos: Path, tmp_path: Path) -> None:
    """A file whose frames change their size decodes at a given size and is an error without one."""
    small = tmp_path / "small.ts"
    with av.open(str(small), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "20"})
        stream.width, stream.height, stream.pix_fmt = WIDTH // 2, HEIGHT // 2, "yuv420p"
        for number in range(10):
            pixels = np.ascontiguousarray(painted(number)[::2, ::2])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    path = tmp_path / "both.ts"
    path.write_bytes((videos / "b_frames.ts").read_bytes() + small.read_bytes())
    assert probe(path).num_frames == 70
    assert numbers(decode_frames(path, [3, 65], size=(HEIGHT, WIDTH))) == [3, 5]
    with pytest.raises(DataError, match=r"both\.ts: frame 65 is 32x24 px, others are 64x48"):
        decode_frames(path, [3, 65])


def test_names_are_never_read_as_protocols_or_patterns(tmp_path: Path) -> None:
    """Colons, percent signs, spaces, dashes and letters of any script are part of a name."""
    for name in ("a:b.mp4", "c%03d.mp4", "-dash.mp4", "ünï cødé & co.mp4", "no_extension"):
        write_painted(tmp_path / "plain.mp4", 5).rename(tmp_path / name)
        assert numbers(decode_frames(tmp_path / name, [4, 1])) == [4, 1]


def test_files_are_closed(videos: Path, tmp_path: Path) -> None:
    """No descriptor stays open, neither after a clip nor after an error."""
    broken = truncated(videos / "one_group.mp4", tmp_path / "broken.mp4", 0.5)
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("needs /proc/self/fd (Linux)")
    before = len(list(descriptors.iterdir()))
    for _ in range(20):
        decode_frames(videos / "b_frames.mp4", [40])
        decode_frames(videos / "b_frames.mkv", [40])
        with pytest.raises(DataError):
            decode_frames(broken, [40])
    assert len(list(descriptors.iterdir())) == before


def test_memory_does_not_grow(videos: Path) -> None:
    """Decoding again and again stays in the memory of the first times."""
    status = Path("/proc/self/statm")
    if not status.exists():
        pytest.skip("needs /proc/self/statm (Linux)")
    pages = []
    for _ in range(3):
        for _ in range(60):
            decode_frames(videos / "b_frames.mp4", range(30, 46), size=(256, 256))  # 3 MB
            decode_frames(videos / "b_frames.mkv", range(30, 46), size=(256, 256))
        pages.append(int(status.read_text().split()[1]))
    assert pages[-1] - pages[0] < 4000  # 16 MB; leaking every clip would be 720 MB
