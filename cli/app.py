"""The command line: parse, call the library, print. Each command is a module of its own."""

import sys
from typing import Annotated

import typer

from . import compare, data, doctor, evaluate, finetune, ls, models, plan, scores, table, train, weights

# Line breaks are kept in help texts, so a paragraph is one line of its own length.
HELP = """Reproduce the published tables of video action recognition.

An experiment is a YAML file: [bold]train[/bold] does what is missing of it and [bold]table[/bold] shows the results \
beside the published numbers.

[bold]Examples[/bold]
  videobench ls                        what there is
  videobench train demo --jobs 2       from video files to a table
  videobench plan closer_look/table2   what a table costs
  videobench train closer_look/table2 --scale cpu --jobs 2
  videobench table closer_look/table2 --scale cpu

[bold]Exit codes[/bold]
  0 done, 2 usage or config, 3 data, 4 weights, 5 incomplete evaluation,
  6 table regression, 75 interrupted: the same command goes on
"""

app = typer.Typer(
    name="videobench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=HELP,
)

for module in (train, finetune, evaluate, table, compare, ls, plan, models, weights, scores, data, doctor):
    module.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"videobench {version('videobench')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""


def main() -> None:
    """Run the command line; errors meant for users end in one message and their exit code."""
    from videobench.errors import VideobenchError
    from videobench.runner.workspace import explaining_full_disk

    try:
        with explaining_full_disk():
            app()
    except VideobenchError as error:
        _complain(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _complain("stopped")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe went away; Python would complain about it once more at exit
        sys.exit(0)


def _complain(message: str) -> None:
    from rich.console import Console
    from rich.text import Text

    first, _, rest = message.partition("\n")
    text = Text.assemble(("error: ", "bold red"), first, *((f"\n{rest}",) if rest else ()))
    Console(stderr=True, soft_wrap=True).print(text)
