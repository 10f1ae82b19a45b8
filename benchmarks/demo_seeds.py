"""Does LACIE do on the bundled world what it promises, whatever the seed? Plays `manage.py demo` once a seed and holds the figures to the bounds.

    python benchmarks/demo_seeds.py [--seeds 0 1 2] [--keep FOLDER]

The named alternatives run side by side: the base speaker and the truthful-only baseline, on the same held-out questions before the same listener.
Ends with exit code 1 if a bound is missed in the mean over the seeds; single seeds that miss one are marked.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("accuracy", "abstention", "true_accept_rate", "false_accept_rate", "auroc", "ece", "garbled")
Figures = Mapping[str, float]


class Played(NamedTuple):
    """What one seed gave."""

    base: Figures
    truthful: Figures
    lacie: Figures


class Bound(NamedTuple):
    says: str
    figure: Callable[[Played], float]
    least: float = 0.0


BOUNDS = (
    Bound("base: right answers, at least .45", lambda of: of.base["accuracy"], 0.45),
    Bound("base: right answers, at most .65", lambda of: -of.base["accuracy"], -0.65),
    Bound("base: wrong answers accepted, at least .70", lambda of: of.base["false_accept_rate"], 0.70),
    Bound("base: AUROC, at most .60", lambda of: -of.base["auroc"], -0.60),
    Bound("base: abstains, at least .02", lambda of: of.base["abstention"], 0.02),
    Bound("base: abstains, at most .08", lambda of: -of.base["abstention"], -0.08),
    Bound("LACIE: fewer wrong answers accepted, at least 65 %", lambda of: 1 - of.lacie["false_accept_rate"] / of.base["false_accept_rate"], 0.65),
    Bound("LACIE: right answers accepted, no fewer", lambda of: of.lacie["true_accept_rate"] - of.base["true_accept_rate"]),
    Bound("LACIE: accuracy, at most 3 points lower", lambda of: of.lacie["accuracy"] - of.base["accuracy"], -0.03),
    Bound("LACIE: AUROC, at least .84", lambda of: of.lacie["auroc"], 0.84),
    Bound("LACIE: AUROC, at least .29 above base", lambda of: of.lacie["auroc"] - of.base["auroc"], 0.29),
    Bound("LACIE: ECE, at least .15 lower", lambda of: of.base["ece"] - of.lacie["ece"], 0.15),
    Bound("LACIE: garbled, at most 1 %", lambda of: -of.lacie["garbled"], -0.01),
    Bound("above truthful-only: accuracy", lambda of: of.lacie["accuracy"] - of.truthful["accuracy"]),
    Bound("above truthful-only: right answers accepted", lambda of: of.lacie["true_accept_rate"] - of.truthful["true_accept_rate"]),
    Bound("above truthful-only: AUROC", lambda of: of.lacie["auroc"] - of.truthful["auroc"]),
    Bound("below truthful-only: wrong answers accepted", lambda of: of.truthful["false_accept_rate"] - of.lacie["false_accept_rate"]),
    Bound("below truthful-only: ECE", lambda of: of.truthful["ece"] - of.lacie["ece"]),
    Bound("below truthful-only: garbled", lambda of: of.truthful["garbled"] - of.lacie["garbled"]),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--keep", type=Path, help="data folders, one a seed, are kept there; what is there already is not played again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        played = [play(seed, (given.keep or Path(fresh)) / f"seed-{seed}") for seed in given.seeds]
    for name in Played._fields:
        show(name, [getattr(figures, name) for figures in played], given.seeds)
    return judge(played)


def play(seed: int, data: Path) -> Played:
    """One turn of the loop."""
    environment = {**os.environ, "DATA_DIR": str(data)}
    out = data / "comparison.json"
    began = time.monotonic()
    for command in (
        ["demo", "--no-serve", "--seed", str(seed)],
        ["compare_speakers", "base", "truthful", "lacie", "--seed", str(seed), "--json", str(out)],
    ):
        subprocess.run([sys.executable, ROOT / "manage.py", *command], env=environment, check=True, stdout=subprocess.DEVNULL)
    print(f"seed {seed}: {time.monotonic() - began:.0f} s")
    rows = json.loads(out.read_text())["rows"]
    return Played(**{row["speaker"]: {name: row[name]["value"] for name in SHOWN} for row in rows})


def show(speaker: str, found: list[Figures], seeds: list[int]) -> None:
    print(f"\n{speaker:<10}" + "".join(f"{f'seed {seed}':>10}" for seed in seeds) + f"{'mean':>10}")
    for name in SHOWN:
        values = [figures[name] for figures in found]
        print(f"  {name:<18}" + "".join(f"{value:>10.3f}" for value in values) + f"{mean(values):>10.3f}")


def judge(played: list[Played]) -> int:
    print("\nbound (in the mean over the seeds)")
    missed = 0
    for bound in BOUNDS:
        values = [bound.figure(one) for one in played]
        met = mean(values) >= bound.least
        missed += not met
        singles = sum(value < bound.least for value in values)
        where = f" (missed in {singles} of {len(values)})" if singles else ""
        print(f"  {'met   ' if met else 'MISSED'} {bound.says}: {mean(values):+.3f}{where}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
