"""Whole configurations by name: a method's defaults, a preset's overrides, one's own on top, every type checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from training.trainers import load
from training.trainers.config import as_json, make, parse_overrides

BUNDLED = "bundled"


def config(preset: str, method: str, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The method's configuration dataclass as a dictionary, whole.

    Raises:
        ConfigError: no such method, preset or setting, or a value that the setting cannot take.

    >>> config("lacie-mistral-7b", "lacie", {"steps": 100})["steps"]
    100
    """
    module = load(method)
    return as_json(make(module.Config, presets=module.PRESETS, preset=preset, overrides=overrides or {}))


def default_preset(base_model: str, method: str) -> str:
    """The bundled speaker has its own recipe; every other base model gets the paper's numbers, a method's first preset.

    >>> default_preset("bundled", "lacie"), default_preset("mistralai/Mistral-7B-v0.1", "lacie")
    ('bundled', 'lacie-mistral-7b')
    """
    return BUNDLED if base_model == "bundled" else next(iter(load(method).PRESETS))


def parse(method: str, assignments: Iterable[str]) -> dict[str, Any]:
    """`key=value` texts as overrides for this method.

    >>> parse("lacie", ["loss_type=sigmoid,sft", "four_bit=no", "target_modules=all-linear"])
    {'loss_type': ['sigmoid', 'sft'], 'four_bit': False, 'target_modules': ['all-linear']}
    """
    return parse_overrides(load(method).Config, assignments)
