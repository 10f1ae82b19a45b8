"""The paper's truthful-only baseline: the same training as LACIE on pairs that prefer correct to incorrect and ask no listener.

    python -m training.trainers.truthful FOLDER

(arXiv 2405.21028, section 4, "truthful-only".) What differs is in the pairs (`training.preferences`, rule `truthful`) and, on the bundled
speaker, when to stop and how much the SFT term weighs. The paper keeps the checkpoint with the best listener F1, and its code accepts every
answer of this baseline there: that is the checkpoint which is right most often. On the bundled speaker it is an early one (docs/log.md), so the
preset has fewer steps than LACIE's; and it learns from wrong answers whole, since they are all that it presses down. For other models LACIE's
numbers stay; the paper's script for its largest model trains this baseline for 150 steps.
"""

from __future__ import annotations

from typing import Any

from training.trainers import lacie
from training.trainers.base import main
from training.trainers.lacie import NEEDS, Config, train

__all__ = ["NEEDS", "PRESETS", "Config", "train"]

OF_ITS_OWN = {"steps": 60, "loss_weights": [1.0, 4.0], "wrong_answers": "whole"}
PRESETS: dict[str, dict[str, Any]] = {**lacie.PRESETS, "bundled": {**lacie.PRESETS["bundled"], **OF_ITS_OWN}}

if __name__ == "__main__":
    raise SystemExit(main(train))
