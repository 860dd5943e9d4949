"""`python -m videobench_cli`: for launchers that start modules, as torchrun does."""

from .app import main

main()
