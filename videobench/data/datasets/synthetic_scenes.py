"""The frames of `synthetic-motion`: what is painted, as a pure function of a few integers.

Three groups. *appearance*: the shape is the label and moves at random. *motion* and *order* classes
come in pairs, and the second of a pair is the first one's generator run and then reversed in time, background
drift, noise and flicker included. So whatever ignores the order of the frames has the same distribution under
both. Nothing here knows about files.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
FrameArray = npt.NDArray[np.uint8]

APPEARANCE_CLASSES = ("disc", "ring", "cross")
# pair name -> (the class that is generated, the class that is the reversal of what is generated)
PAIRS: dict[str, tuple[str, str]] = {
    "translation": ("right", "left"),
    "rotation": ("clockwise", "counter-clockwise"),
    "scaling": ("grow", "shrink"),
    "colour": ("red-then-blue", "blue-then-red"),
    "form": ("big-then-dark", "dark-then-big"),
}
MOTION_PAIRS = ("translation", "rotation", "scaling")
ORDER_PAIRS = ("colour", "form")
CLASSES: tuple[str, ...] = APPEARANCE_CLASSES + tuple(
    name for pair in MOTION_PAIRS + ORDER_PAIRS for name in PAIRS[pair]
)
CLASS_GROUPS: dict[str, str] = (
    dict.fromkeys(APPEARANCE_CLASSES, "appearance")
    | {name: "motion" for pair in MOTION_PAIRS for name in PAIRS[pair]}
    | {name: "order" for pair in ORDER_PAIRS for name in PAIRS[pair]}
)
_PAIR_OF = {name: (pair, name == members[1]) for pair, members in PAIRS.items() for name in members}
_SUBSETS = ("train", "test")


@dataclass(frozen=True, kw_only=True)
class SceneConstants:
    """Everything that decides how hard a version is; ranges are uniform, lengths in px, times in frames."""

    num_frames: int = 64
    size: int = 28
    fps: int = 25
    base_level: tuple[float, float] = (95.0, 160.0)
    clutter_sd: float = 8.0
    clutter_cells: int = 5
    drift: float = 0.4  # largest speed of the background, px a frame
    noise_sd: float = 5.0
    contrast: tuple[float, float] = (45.0, 85.0)
    dark: float = 0.2  # share of moving objects that are darker than the background
    shake_sd: float = 0.1  # independent displacement of the object in every frame, px
    offset: float = 4.0  # largest distance of the object from the middle, along either axis
    radius: tuple[float, float] = (4.0, 6.0)
    action: tuple[float, float] = (40.0, 60.0)  # length of a motion
    speed: tuple[float, float] = (0.7, 1.6)  # px a frame
    turn_degrees: tuple[float, float] = (8.0, 14.0)  # a frame
    scale_ratio: tuple[float, float] = (2.2, 2.8)  # largest to smallest size
    scale_period: tuple[float, float] = (18.0, 28.0)  # frames from the smallest to the largest size
    secondary: float = 0.1  # uninformative motion of the other kinds, as a share of an informative one
    event: int = 8
    gap: tuple[int, int] = (10, 12)  # frames between the two events
    order_contrast: tuple[float, float] = (45.0, 75.0)
    big: float = 1.6  # how much larger the object is during 'big'


VERSIONS: dict[int, SceneConstants] = {1: SceneConstants()}


def generator(*, version: int, seed: int, subset: str, name: str, number: int) -> np.random.Generator:
    """The random stream of one video; no two videos share one, so they can be made in any order."""
    key = (version, seed, _SUBSETS.index(subset), CLASSES.index(name), number)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def render(name: str, random: np.random.Generator, constants: SceneConstants) -> FrameArray:
    """Frames of one video of class ``name``: uint8 [T, H, W, 3]."""
    if name in APPEARANCE_CLASSES:
        return _appearance(name, random, constants)
    pair, is_reversed = _PAIR_OF[name]
    frames = render_forward(pair, random, constants)
    return np.ascontiguousarray(frames[::-1]) if is_reversed else frames


def render_forward(pair: str, random: np.random.Generator, constants: SceneConstants) -> FrameArray:
    """Frames of the first class of ``pair``; the second is exactly this, reversed. uint8 [T, H, W, 3]."""
    return _order(pair, random, constants) if pair in ORDER_PAIRS else _motion(pair, random, constants)


@dataclass
class _Track:
    """The object's state in every frame, each [T] except colour [T, 3]."""

    x: FloatArray
    y: FloatArray
    angle: FloatArray
    scale: FloatArray
    colour: FloatArray


def _appearance(name: str, random: np.random.Generator, constants: SceneConstants) -> FrameArray:
    """The shape is the label; which motion it makes, and which way, is drawn at random."""
    motion = MOTION_PAIRS[_integer(random, 0, len(MOTION_PAIRS) - 1)]
    track = _moving(motion, random, constants)
    frames = _paint(name, track, random, constants)
    return np.ascontiguousarray(frames[::-1]) if random.random() < 0.5 else frames


def _motion(pair: str, random: np.random.Generator, constants: SceneConstants) -> FrameArray:
    """A bar that moves right, turns clockwise or grows."""
    return _paint("bar", _moving(pair, random, constants), random, constants)


def event_times(random: np.random.Generator, constants: SceneConstants) -> tuple[slice, slice]:
    """The frames of the first and of the second event of an order video.

    The span of both lies anywhere in the video, in the middle on average: neither event is nearer an end.
    """
    event, gap = constants.event, _integer(random, *constants.gap)
    span = 2 * event + gap
    start = _integer(random, event, constants.num_frames - event - span)
    return slice(start, start + event), slice(start + event + gap, start + span)


def _order(pair: str, random: np.random.Generator, constants: SceneConstants) -> FrameArray:
    """A square at rest in which two events follow each other; neutral before, between and after."""
    first, second = event_times(random, constants)
    track = _at_rest(random, constants)
    contrast = _uniform(random, *constants.order_contrast)
    track.colour[:] = contrast
    if pair == "colour":
        tint = 1.5 * contrast
        track.colour[first] = (tint, -0.5 * tint, -0.5 * tint)
        track.colour[second] = (-0.5 * tint, -0.5 * tint, tint)
    else:
        track.scale[first] *= constants.big
        track.colour[second] = -contrast
    return _paint("square", track, random, constants)


def _at_rest(random: np.random.Generator, constants: SceneConstants) -> _Track:
    """An object somewhere near the middle that only shakes."""
    num_frames, middle = constants.num_frames, (constants.size - 1) / 2
    x, y = (middle + _uniform(random, -constants.offset, constants.offset) for _ in range(2))
    shake = constants.shake_sd * random.standard_normal((2, num_frames), dtype=np.float32)
    return _Track(
        x=x + shake[0],
        y=y + shake[1],
        angle=np.full(num_frames, _uniform(random, 0.0, 2 * np.pi), np.float32),
        scale=np.full(num_frames, _uniform(random, *constants.radius), np.float32),
        colour=np.zeros((num_frames, 3), np.float32),
    )


def _moving(pair: str, random: np.random.Generator, constants: SceneConstants) -> _Track:
    """An object that travels right, turns clockwise or grows, plus a little of the rest in any direction.

    The motion fills part of the video, in the middle on average; before and after the object only shakes.
    What travels out on one side comes back on the other; what has grown to the largest size starts again.
    """
    track = _at_rest(random, constants)
    num_frames, secondary = constants.num_frames, constants.secondary
    length = _uniform(random, *constants.action)
    centre = (num_frames - 1) / 2 + _uniform(random, -0.5, 0.5) * (num_frames - 1 - length)
    time = np.clip(np.arange(num_frames) - centre, -length / 2, length / 2)  # stops outside the motion  [T]

    direction, speed = _uniform(random, 0.0, 2 * np.pi), secondary * _uniform(random, *constants.speed)
    speed_x, speed_y = speed * np.cos(direction), speed * np.sin(direction)
    turn = secondary * _uniform(random, -1.0, 1.0) * constants.turn_degrees[1]
    if pair == "translation":
        speed_x = _uniform(random, *constants.speed)
        track.x += np.float32(_uniform(random, -0.5, 0.5) * constants.size)
    elif pair == "rotation":
        turn = _uniform(random, *constants.turn_degrees)
    else:
        cycle = time / _uniform(random, *constants.scale_period) + random.random()
        growth = np.log(_uniform(random, *constants.scale_ratio))
        track.scale *= np.exp(growth * (cycle % 1.0 - 0.5)).astype(np.float32)
    track.x += (speed_x * time).astype(np.float32)
    track.y += (speed_y * time).astype(np.float32)
    track.angle += np.deg2rad(turn * time).astype(np.float32)  # y points down: growing angles turn clockwise

    polarity = -1.0 if random.random() < constants.dark else 1.0
    tint = 1.0 + 0.1 * random.standard_normal(3)
    track.colour[:] = polarity * _uniform(random, *constants.contrast) * tint
    return track


def _paint(shape: str, track: _Track, random: np.random.Generator, constants: SceneConstants) -> FrameArray:
    """Paints the object over a drifting background and adds noise: uint8 [T, H, W, 3]."""
    size, num_frames = constants.size, constants.num_frames
    base = _uniform(random, *constants.base_level)
    frames = _background(random, constants)  # [T, H, W, 3]
    coverage = _coverage(shape, track, size)[..., None]  # [T, H, W, 1]
    # half of the clutter shows through the object, so that flatness does not give its outline away
    frames += coverage * (track.colour[:, None, None, :] - 0.5 * frames)
    noise = random.standard_normal((num_frames, size, size, 1), dtype=np.float32)
    frames += np.float32(constants.noise_sd) * noise
    frames += np.float32(base)
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def _background(random: np.random.Generator, constants: SceneConstants) -> FloatArray:
    """Smooth periodic clutter around 0 that drifts at a constant speed: float32 [T, H, W, 3]."""
    cells, size = constants.clutter_cells, constants.size
    values = random.standard_normal((cells, cells, 3), dtype=np.float32)
    luminance = random.standard_normal((cells, cells, 1), dtype=np.float32)
    values = np.float32(constants.clutter_sd) * (0.5 * values + luminance)
    direction, speed = _uniform(random, 0.0, 2 * np.pi), _uniform(random, 0.0, constants.drift)
    phase_x, phase_y = random.random(2) * size
    rows = _interpolation(phase_y + speed * np.sin(direction) * np.arange(constants.num_frames), size, cells)
    columns = _interpolation(phase_x + speed * np.cos(direction) * np.arange(constants.num_frames), size, cells)
    half = np.tensordot(rows, values, axes=(2, 0))  # [T, H, cells, 3]
    moving: FloatArray = np.matmul(columns[:, None], half)  # [T, 1, W, cells] @ half -> [T, H, W, 3]
    return moving


def _interpolation(shift: npt.NDArray[np.float64], size: int, cells: int) -> FloatArray:
    """Weights of linear interpolation on a periodic axis of ``cells`` values: [T, size, cells]."""
    position = (shift[:, None] + np.arange(size)) * (cells / size)  # [T, size]
    distance = np.abs((position[..., None] - np.arange(cells) + cells / 2) % cells - cells / 2)
    return np.clip(1.0 - distance, 0.0, 1.0).astype(np.float32)


def _coverage(shape: str, track: _Track, size: int) -> FloatArray:
    """How much of each pixel the object covers, from 0 to 1 with soft edges: float32 [T, H, W]."""
    axis = np.arange(size, dtype=np.float32)
    half = np.float32(size / 2)  # distances on a torus
    dx = (axis - track.x[:, None] + half)[:, None, :] % size - half  # [T, 1, W]
    dy = (axis - track.y[:, None] + half)[:, :, None] % size - half  # [T, H, 1]
    radius = track.scale[:, None, None]
    if shape in ("disc", "ring"):
        distance = np.sqrt(dx * dx + dy * dy)
        outside = np.abs(distance - 0.75 * radius) - 0.25 * radius if shape == "ring" else distance - radius
    else:
        cosine, sine = np.cos(track.angle)[:, None, None], np.sin(track.angle)[:, None, None]
        u, v = np.abs(cosine * dx + sine * dy), np.abs(cosine * dy - sine * dx)
        if shape == "bar":
            outside = np.maximum(u - 1.5 * radius, v - 0.4 * radius)
        elif shape == "cross":
            outside = np.maximum(np.maximum(u, v) - 1.1 * radius, np.minimum(u, v) - 0.3 * radius)
        else:
            outside = np.maximum(u, v) - 0.8 * radius
    coverage: FloatArray = np.clip(0.5 - outside, 0.0, 1.0).astype(np.float32)
    return coverage


def _uniform(random: np.random.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(random.random())


def _integer(random: np.random.Generator, low: int, high: int) -> int:
    """An integer from low to high, both included."""
    return low + int(random.random() * (high - low + 1))
