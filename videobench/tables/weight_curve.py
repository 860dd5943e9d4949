"""How the accuracy of two fused streams depends on their weights: shown as text or picture, never chosen from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from videobench.tables.picture import save_picture

_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class WeightCurve:
    """Accuracies (fractions) by the share of ``stream``, in equal steps from 0 to 1.

    ``fixed`` is the share that counts, ``interval`` the 95 % interval of the accuracy at it.
    """

    metric: str
    stream: str
    shares: Sequence[float]
    accuracies: Sequence[float]
    fixed: float
    interval: tuple[float, float]

    @property
    def caption(self) -> str:
        return (
            f"{self.metric} by the weight of {self.stream}: shown, not tuned;"
            f" the weight was fixed beforehand at {self.fixed:.3g}"
        )

    def sparkline(self) -> tuple[str, str]:
        """One bar a share, from the lowest accuracy to the highest, and a line that points at the fixed share."""
        low, high = min(self.accuracies), max(self.accuracies)
        scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
        bars = "".join(_BARS[round((value - low) * scale)] for value in self.accuracies)
        return bars, " " * round(self.fixed * (len(bars) - 1)) + "^"


def draw(curve: WeightCurve, path: Path) -> None:
    """Draw the curve, with the interval at the fixed weight."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(curve.shares, [100 * value for value in curve.accuracies], marker=".")
    low, high = (100 * min(max(bound, 0.0), 1.0) for bound in curve.interval)
    label = "fixed weight, 95 % interval"
    axes.errorbar(curve.fixed, (low + high) / 2, (high - low) / 2, fmt="none", color="grey", capsize=4, label=label)
    axes.legend()
    axes.set_xlabel(f"weight of {curve.stream}")
    axes.set_ylabel(f"{curve.metric} (%)")
    axes.set_title(curve.caption.partition(": ")[2], fontsize="medium")
    axes.set_xlim(0, 1)
    axes.grid(visible=True, alpha=0.3)
    save_picture(figure, path)
