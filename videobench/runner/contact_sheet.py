"""Drawing a preview: clips before and after the transforms, and the views on the time line of each video."""

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from videobench.data.video_set import CHANNELS
from videobench.evaluation.views import Clip, crop_offset
from videobench.runner.preview import Pictures, Preview, ShownVideo
from videobench.runner.time_line import AXIS, SHOWN, TimeLine

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NUM_COLUMNS = 8
"""So many frames of a clip are shown, spread evenly."""

DOTS_PER_INCH = 100
"""At this many a pixel of a frame is a whole number of dots, except in frames too large for that."""

# Inches.
MARGIN, NAMES = 0.15, 0.9
USUAL_COLUMN, MAX_COLUMN = 0.85, 1.8
LINE, HEADING, BETWEEN = 0.17, 0.3, 0.2


def draw(preview: Preview, *, title: str) -> "Figure":
    """Return a page with a block for each video of ``preview``."""
    from matplotlib.figure import Figure

    column = _column(preview.clip.resize[1])
    blocks = [_Block(preview, shown, column) for shown in preview.videos]
    width = 2 * MARGIN + NAMES + NUM_COLUMNS * column
    words = textwrap.wrap(_words(preview), int(16 * width))
    top = MARGIN + HEADING + LINE * len(words) + BETWEEN
    page = _Page(Figure(figsize=(width, top + sum(block.height for block in blocks))))
    page.write(MARGIN, MARGIN, title, size=11, weight="bold")
    for number, line in enumerate(words):
        page.write(MARGIN, MARGIN + HEADING + number * LINE, line, colour="dimgrey")
    for block in blocks:
        block.draw(page, top)
        top += block.height
    return page.figure


def _column(width: int) -> float:
    """Return the inches for a frame of ``width`` px and the gap beside it."""
    dots = (width + _gap(width)) / DOTS_PER_INCH
    return min(max(1, round(USUAL_COLUMN / dots)) * dots, MAX_COLUMN)


def _gap(width: int) -> int:
    """Return the pixels between two frames."""
    return max(1, width // 20)


def _words(preview: Preview) -> str:
    """Say what is shown, and how."""
    clip = preview.clip
    shown = f"training clip (first pass, seed {preview.seed})" if preview.training else "first view"
    length = f"{clip.frames} frames" + (f", {clip.stride} apart" if clip.stride > 1 else "")
    length += f", at {clip.fps:g} fps" if clip.fps else ""
    return (
        f"Of each video the {shown}: {length}, resized, and as the network gets it with the normalisation undone. "
        f"Below, where it lies on the time line (orange), and the protocol's views (blue): "
        f"{preview.protocol.description}."
    )


class _Page:
    """A figure on which things are placed in inches from the top left."""

    def __init__(self, figure: "Figure") -> None:
        self.figure = figure
        self._width, self._height = figure.get_size_inches()

    def axes(self, left: float, top: float, width: float, height: float) -> "Axes":
        bottom = self._height - top - height
        place = (left / self._width, bottom / self._height, width / self._width, height / self._height)
        return self.figure.add_axes(place)

    def picture(self, left: float, top: float, pixels: Pictures, inches_per_pixel: float) -> "Axes":
        """Show ``pixels`` [H, W, 3]; coordinates of the axes are theirs, counted from the top left corner."""
        height, width = pixels.shape[:2]
        axes = self.axes(left, top, width * inches_per_pixel, height * inches_per_pixel)
        smooth = inches_per_pixel * DOTS_PER_INCH < 1
        interpolation = "antialiased" if smooth else "nearest"
        axes.imshow(pixels, extent=(0, width, height, 0), aspect="auto", interpolation=interpolation)
        axes.set_axis_off()
        return axes

    def write(
        self, left: float, top: float, text: str, *, size: float = 8, weight: str = "normal", colour: str = "black"
    ) -> None:
        self.figure.text(
            left / self._width, 1 - top / self._height, text,
            size=size, weight=weight, color=colour, verticalalignment="top", parse_math=False,
        )  # fmt: skip


class _Block:
    """All that is drawn of one video, from the top: words, its clip resized and cropped, its time line."""

    def __init__(self, preview: Preview, shown: ShownVideo, column: float) -> None:
        self._preview = preview
        self._shown = shown
        self._column = column
        assert shown.video.info is not None  # shown videos are indexed
        self._info = shown.video.info
        (height, width), crop = preview.clip.resize, preview.clip.crop
        self._gap = _gap(width)
        self._inches_per_pixel = column / (width + self._gap)
        self._clip_height = (height + self._gap + crop) * self._inches_per_pixel
        clip = Clip(shown.clip.start, preview.clip.frames, preview.clip.stride)
        self._times = TimeLine(shown.video.num_shown, shown.views, clip, preview.evaluated, preview.protocol)
        self._crops_per_pixel = column / preview.evaluated.resize[1]  # inches
        self._below = LINE + max(self._times.height, preview.evaluated.resize[0] * self._crops_per_pixel)

    @property
    def height(self) -> float:
        return 2 * LINE + self._clip_height + BETWEEN + self._below + 2 * BETWEEN

    def draw(self, page: _Page, top: float) -> None:
        video, info = self._shown.video, self._info
        rate = f"{info.fps:g} fps" if info.fps else "no rate stated"
        facts = f"{', '.join(self._shown.classes)}    {info.num_frames} frames, {rate}, {info.width}x{info.height} px"
        page.write(MARGIN, top, f"{video.id}    {facts}", size=9, weight="bold")
        top += 2 * LINE
        self._draw_clip(page, top)
        top += self._clip_height + BETWEEN
        left, width = MARGIN + NAMES, (NUM_COLUMNS - 1) * self._column - BETWEEN
        page.write(left, top, self._times.words)
        self._times.draw(page.axes(left, top + LINE, width, self._times.height - AXIS), width)
        self._draw_crops(page, left + width + BETWEEN, top)

    def _draw_clip(self, page: _Page, top: float) -> None:
        """Draw the frames with the crop as a box, and below each what is inside."""
        from matplotlib.patches import Rectangle

        clip, cut, gap = self._shown.clip, self._preview.clip, self._gap
        (height, width), crop = cut.resize, cut.crop
        crop_top, crop_left = clip.offset
        below = min(crop_left, width - crop)  # a smaller cut may lie further right than its picture has room
        places = sorted({round(place) for place in np.linspace(0, cut.frames - 1, NUM_COLUMNS)})
        canvas = np.full((height + gap + crop, NUM_COLUMNS * (width + gap), 3), 255, np.uint8)
        for column, (before, after) in enumerate(zip(_rgb(clip.resized[places]), _rgb(clip.seen[places]), strict=True)):
            left = column * (width + gap)
            canvas[:height, left : left + width] = before
            canvas[height + gap :, left + below : left + below + crop] = after
        axes = page.picture(MARGIN + NAMES, top, canvas, self._inches_per_pixel)
        for column, place in enumerate(places):
            left = column * (width + gap)
            corner = (left + crop_left, crop_top)
            axes.add_patch(Rectangle(corner, *clip.size[::-1], fill=False, edgecolor=SHOWN, linewidth=1.2))
            axes.text(left, -gap / 2, f"frame {clip.frame_numbers[place]}", size=6, color="dimgrey")
        page.write(MARGIN, top, f"resized to\n{height}x{width}")
        mirrored = "\nmirrored" if clip.flip else ""
        page.write(MARGIN, top + (height + gap) * self._inches_per_pixel, f"cropped to\n{crop}x{crop}{mirrored}")

    def _draw_crops(self, page: _Page, left: float, top: float) -> None:
        """Draw the views' crops as boxes in the frame half-way, with a number where several are the same."""
        from matplotlib.patches import Rectangle

        cut, protocol = self._preview.evaluated, self._preview.protocol
        words = f"{len(protocol.crops)} crops" if len(protocol.crops) > 1 else f"{protocol.crops[0]} crop"
        page.write(left, top, words + (", also mirrored" if protocol.flip else ""), size=7)
        axes = page.picture(left, top + LINE, _rgb(self._shown.middle[None])[0], self._crops_per_pixel)
        views_of_crop = Counter(view.crop for view in self._shown.views)
        views_a_crop = len(self._shown.views) // len(protocol.crops)
        for number, (crop, num_views) in enumerate(views_of_crop.items()):
            y, x = crop_offset(crop, *cut.resize, (cut.crop, cut.crop))
            colour = f"C{number}"
            axes.add_patch(Rectangle((x, y), cut.crop, cut.crop, fill=False, edgecolor=colour, linewidth=1.5))
            if (count := num_views // views_a_crop) > 1:
                middle = (x + cut.crop / 2, y + cut.crop / 2)
                axes.annotate(f"×{count}", middle, size=9, weight="bold", color=colour, ha="center", va="center")


def _rgb(frames: Pictures) -> Pictures:
    """Return frames [T, H, W, C] to look at: of flow, the hue is the direction and the saturation the speed."""
    from matplotlib.colors import hsv_to_rgb

    if frames.shape[-1] == CHANNELS["rgb"]:
        return frames
    x, y = (frames[..., channel] / 127.5 - 1 for channel in range(CHANNELS["flow"]))
    speed = np.hypot(x, y)
    hues = np.stack([np.arctan2(y, x) / (2 * np.pi) % 1, speed / max(speed.max(), 1e-6), np.ones_like(x)], axis=-1)
    colours: Pictures = (255 * hsv_to_rgb(hues)).round().astype(np.uint8)
    return colours
