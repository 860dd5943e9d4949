"""`videobench scores report`: a run class by class."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .console import console, print_json, print_table

if TYPE_CHECKING:
    from videobench.tables.class_report import ClassReport


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="EXPERIMENT#ROW, or what a table prints under run.")],
    confusion: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the confusion matrix, as a .png, .svg or .pdf file.")
    ] = None,
    scale: options.Scale = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Report on a run class by class, the worst first.

    A class has its accuracy with interval, and the class that it is most often taken for.
    Seeds and splits count together.

    [bold]Examples[/bold]
      videobench scores report 'demo#R3D'
      videobench scores report 3f3d59c3 --confusion matrix.png
    """
    from videobench.run_reference import find_run
    from videobench.tables.class_report import class_report
    from videobench.tables.confusion import draw_confusion
    from videobench.tables.picture import check_picture

    from .loading import results_folder

    if confusion:
        check_picture(confusion)
    folder = results_folder(Path(home))
    found = class_report(find_run(run, scale=scale, folder=folder), folder)
    if confusion:
        draw_confusion(found, confusion)
    if as_json:
        from dataclasses import asdict

        from videobench.tables.render import finite

        print_json(finite({**asdict(found), "confusion": found.confusion.tolist()}))
        return
    _print(found)
    if confusion:
        console().print(f"wrote {confusion}", markup=False)


def _print(report: "ClassReport") -> None:
    from videobench.tables.document import percent

    out = console()
    out.print(report.run, style="bold", markup=False)
    out.print(report.about, markup=False)
    has_groups = any(one.group for one in report.classes)
    rows = []
    for one in report.classes:
        low, high = (min(max(bound, 0.0), 1.0) for bound in (one.accuracy.interval.low, one.accuracy.interval.high))
        taken_for = f"{one.confused_with} {percent(one.confused_share, 1)} %" if one.confused_with else "-"
        rows.append(
            [
                one.name,
                *([one.group] if has_groups else []),
                one.accuracy.num_videos,
                percent(one.accuracy.value, 1),
                f"{percent(low, 1)} to {percent(high, 1)}",
                taken_for,
            ]
        )
    groups = ["group"] if has_groups else []
    print_table(["class", *groups, "videos", "video@1", "95 % interval", "most often taken for"], rows)
    covers = dict.fromkeys(one.accuracy.interval.covers for one in report.classes)
    out.print(f"intervals cover {' or '.join(covers)}")
