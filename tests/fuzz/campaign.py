"""A run over kinds: warmed up, told as it goes, added up."""

import importlib.util
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .kinds import Kind
from .runner import GOOD, Result, in_turn, judged, run, save

EVERY = 30  # seconds between lines


def available(kinds: list[Kind]) -> list[Kind]:
    """Those whose libraries are installed."""
    return [kind for kind in kinds if all(importlib.util.find_spec(name) for name in kind.needs)]


def warmed(kind: Kind) -> Kind:
    """The kind, after all undamaged samples of it were read to the right value, and kernels are compiled."""
    for name, files in kind.samples:
        outcome, detail = judged(kind, name, files)
        if outcome not in ("read", "unchecked", *(("refused",) if kind.slow else ())):
            raise AssertionError(f"undamaged {kind.name}, {name}: {outcome} {detail}")
    return kind


@dataclass
class Campaign:
    """What has been found so far."""

    kinds: list[Kind]
    seed: int
    folder: Path | None = None
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    findings: dict[tuple[str, str, str], list[Result]] = field(default_factory=dict)
    told: float = field(default_factory=time.monotonic)

    def hear(self, result: Result) -> None:
        self.counts.setdefault(result.kind, Counter())[result.outcome] += 1
        if result.outcome in GOOD:
            return
        same = self.findings.setdefault(result.signature, [])
        same.append(result)
        if len(same) == 1:
            kept = ""
            if self.folder is not None:
                kind = next(kind for kind in self.kinds if kind.name == result.kind)
                kept = f", kept as {save(kind, self.seed, result.number, self.folder)}"
            tell(f"{result.kind}: {result.outcome} at seed {self.seed}, mutant {result.number}{kept}")
            tell("".join(f"    {line}\n" for line in result.detail.splitlines()[:1] + result.detail.splitlines()[-3:]))

    def progress(self) -> None:
        if time.monotonic() - self.told > EVERY:
            self.told = time.monotonic()
            total = sum(self.counts.values(), Counter())
            tell(f"{total.total():,} mutants: " + ", ".join(f"{n:,} {what}" for what, n in total.most_common()))

    def table(self) -> str:
        """Mutants by kind and outcome."""
        outcomes = [*GOOD, *sorted({what for each in self.counts.values() for what in each} - {*GOOD})]
        rows = [["kind", *outcomes]]
        rows += [[name, *(f"{each[what]:,}" for what in outcomes)] for name, each in sorted(self.counts.items())]
        rows.append(["all", *(f"{sum(each[what] for each in self.counts.values()):,}" for what in outcomes)])
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        return "\n".join("  ".join(cell.rjust(n) for cell, n in zip(row, widths, strict=True)) for row in rows)

    def go(self, each: int | None, seconds: float, jobs: int) -> "Campaign":
        """Try mutants of all kinds until each has so many, or time is over."""

        def heard(result: Result) -> None:
            self.hear(result)
            self.progress()

        run(in_turn(self.kinds, each, seconds), self.seed, jobs, heard)
        return self


def tell(text: str) -> None:
    print(text.rstrip(), file=sys.stderr, flush=True)  # noqa: T201
