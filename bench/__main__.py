"""`python -m bench`: about two minutes; `--full`: about a quarter of an hour."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench.imports import importing
from bench.letters import sending
from bench.pops import popping
from bench.scenes import bench
from bench.search import looking_up
from bench.sip import calling
from bench.work import working


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="also with many contacts and managers")
    parser.add_argument("--profile", action="store_true", help="only say where the time goes")
    parser.add_argument("--rounds", type=int, default=2, help="of each race (default 2)")
    parser.add_argument(
        "--folder", type=Path, help="where the bases lie (default: a temporary one)"
    )
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="callrouter-bench-", dir=asked.folder) as folder,
        bench(Path(folder), asked.rounds) as run,
    ):
        run.surroundings()
        if asked.profile:
            print(run.profile())
            return
        run.deciding()
        run.replaying()
        run.starting()
        run.storm()
        run.usual_day()
        popping(run)
        importing(run)
        working(run)
        sending(run)
        calling(run)
        if asked.full:
            run.many_contacts()
            looking_up(run)
            run.many_managers()
        report = run.report
    print(report.as_table())
    print(f"\nAll figures: {report.write()}")
    if report.missed:
        print("What costs most where an aim is missed: python -m bench --profile", file=sys.stderr)


if __name__ == "__main__":
    main()
