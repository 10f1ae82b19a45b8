"""A calibration-tuned speaker that needs no training."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from games.models import Speaker
from tests import factories as make


@pytest.fixture
def judge(settings: Any, tmp_path: Path, tiny_model: Path, probe: Path, db: None) -> Speaker:
    """Called `judge`, with `base` as its parent."""
    settings.DATA_DIR = tmp_path
    shutil.copytree(probe, tmp_path / "runs/judge/adapter")
    base = make.make_speaker(name="base", backend="local", base_model=str(tiny_model), prompt_style="plain", digest="d")
    same = {"backend": "local", "base_model": str(tiny_model), "method": "calibration-tuning", "digest": "e"}
    generation = {"max_new_tokens": 8}
    return make.make_speaker(name="judge", adapter="runs/judge/adapter", prompt_style="plain", parent=base, generation=generation, **same)
