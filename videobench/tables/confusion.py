"""A confusion matrix as a picture, for two classes or four hundred."""

import textwrap
from pathlib import Path

import numpy as np

from videobench.tables.class_report import ClassReport
from videobench.tables.picture import save_picture

MAX_COUNTED = 20
"""Up to as many classes every cell holds its count."""

MAX_NAMED = 120
"""Up to as many classes every row and column has its name; of more, every second, third ... has."""


def draw_confusion(report: ClassReport, path: Path) -> None:
    """Draw the confusion matrix into ``path``: rows are classes, shades the shares of a row."""
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    num_classes = len(report.class_names)
    side = min(max(3.2, 0.42 * num_classes), 14)  # inches
    figure = Figure(figsize=(side + 2.6, side + 1.8), layout="constrained")
    axes = figure.subplots()
    totals = report.confusion.sum(axis=1, keepdims=True)
    shares = report.confusion / np.maximum(totals, 1)  # [K, K]
    # Square roots, so that what happens to one video in thirty is seen.
    image = axes.imshow(100 * shares, cmap="Blues", norm=PowerNorm(0.5, 0, 100), interpolation="nearest")
    every = -(-num_classes // MAX_NAMED)
    ticks = range(0, num_classes, every)
    names = [textwrap.shorten(report.class_names[index], 28, placeholder="…") for index in ticks]
    size = min(10.0, 72 * side / len(names) * 0.8)  # points: what fits a row
    axes.set_xticks(ticks, names, rotation=90, fontsize=size)
    axes.set_yticks(ticks, names, fontsize=size)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true class")
    if num_classes <= MAX_COUNTED:
        for (label, predicted), count in np.ndenumerate(report.confusion):
            if count:
                colour = "white" if shares[label, predicted] > 0.3 else "black"
                axes.text(predicted, label, f"{count}", ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(image, ax=axes, label="% of the class", shrink=0.8)
    title = "\n".join([report.run, *textwrap.wrap(report.about, int(9 * (side + 2)))])
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize="medium")
    save_picture(figure, path)
