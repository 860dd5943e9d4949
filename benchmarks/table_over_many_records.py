"""Time `videobench table` in a folder of 1,000 records, as a whole process. Goal: under 2 s.

Run: python benchmarks/table_over_many_records.py RECORD.json, with any record of results/records.
The record is copied under 1,000 digests; the table asked for is the one of `demo`, whose cells are then pending.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NUM_RECORDS = 1000
RUNS = 3


def main() -> None:
    source = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "results" / "records"
        folder.mkdir(parents=True)
        for number in range(NUM_RECORDS):
            source["record"]["digest"] = f"{number:016x}"
            (folder / f"{number:016x}.json").write_text(json.dumps(source), encoding="utf-8")
        for _ in range(RUNS):
            started = time.perf_counter()
            subprocess.run(["videobench", "table", "demo", "--home", home], check=True, capture_output=True)
            print(f"{time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
