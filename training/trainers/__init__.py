"""The table of training methods: what is stored in a run → the module that trains, run as `python -m MODULE FOLDER`.

Each module has a frozen dataclass `Config` (the method's every number, with the paper's defaults), `PRESETS` (named sets of overrides) and
`train(job, folder)`. Importing one imports no torch. Adding a method is one file, one line here, one test, one heading in `docs/`.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from training.trainers.config import ConfigError

METHODS: dict[str, str] = {
    "lacie": "training.trainers.lacie",
    "truthful": "training.trainers.truthful",
}


def load(method: str) -> ModuleType:
    """The module of this method.

    Raises:
        ConfigError: no such method.
    """
    if method not in METHODS:
        raise ConfigError(f"Unknown training method {method!r}. Choose one of: {', '.join(METHODS)}.")
    return import_module(METHODS[method])
