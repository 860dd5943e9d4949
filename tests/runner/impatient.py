"""The command line, saving and reporting after every step: `python impatient.py train ...`. Run by tests that kill."""

import videobench.runner.train_unit as train_unit
from videobench_cli.app import main

# Outside the guard below: workers import this file, and have to be as impatient.
train_unit.SAVE_EVERY_SECONDS = 0.0
train_unit.REPORT_EVERY_SECONDS = 0.0

if __name__ == "__main__":
    main()
