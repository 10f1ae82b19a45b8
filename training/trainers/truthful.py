"""The paper's truthful-only baseline: the same training as LACIE on pairs that prefer correct to incorrect and ask no listener.

    python -m training.trainers.truthful FOLDER

(arXiv 2405.21028, section 4, "truthful-only".) All that differs is in the pairs: `training.preferences`, rule `truthful`. The paper's script
for its largest model trains this baseline for 150 steps instead of 250; its others, and we, keep LACIE's numbers, so that the two compare.
"""

from __future__ import annotations

from training.trainers.base import main
from training.trainers.lacie import NEEDS, PRESETS, Config, train

__all__ = ["NEEDS", "PRESETS", "Config", "train"]

if __name__ == "__main__":
    raise SystemExit(main(train))
