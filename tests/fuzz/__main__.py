"""Damage files of every kind for some minutes, and say what became of them; exit status 1 on any finding."""

import argparse
import os
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

from .campaign import Campaign, available, tell, warmed
from .every import KINDS
from .runner import judge, saved, written


def replayed(path: Path) -> int:
    """Judge one file that was kept, in this process, with its whole traceback."""
    kind, name, files = saved(path, {kind.name: kind for kind in KINDS})
    with tempfile.TemporaryDirectory() as folder:
        outcome, detail = judge(kind, written(Path(folder), name, files))
    tell(f"{path.name}: {outcome} {detail}")
    return outcome in ("traceback", "changed", "accepted", "fault", "memory")


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--minutes", type=float, default=1, help="how long")
    options.add_argument("--mutants", type=int, help="how many of each kind, if time is enough")
    options.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    options.add_argument(
        "--seed", type=int, default=int.from_bytes(os.urandom(3)), help="the same seed, the same files"
    )
    options.add_argument("--kinds", nargs="+", choices=[kind.name for kind in KINDS], help="these only")
    options.add_argument("--folder", type=Path, default=Path("fuzz-findings"), help="where findings are kept")
    options.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="judge files that were kept")
    asked = options.parse_args()
    warnings.simplefilter("ignore")
    if asked.replay:
        return max(map(replayed, asked.replay))
    kinds = available([kind for kind in KINDS if asked.kinds is None or kind.name in asked.kinds])
    tell(f"seed {asked.seed}, {len(kinds)} kinds: warming up")
    done = Campaign([kind for kind in kinds if warmed(kind)], asked.seed, asked.folder)
    done.go(asked.mutants, 60 * asked.minutes, asked.jobs)
    tell(done.table())
    for (kind, outcome, detail), results in sorted(done.findings.items()):
        tell(f"{len(results):6,} × {kind}: {outcome} {detail or results[0].detail.splitlines()[0]}")
    return 1 if done.findings else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AssertionError:
        traceback.print_exc()
        sys.exit(1)
