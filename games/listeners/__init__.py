"""The table of simulated listeners: kind → what is imported on use. `human` listeners are rows only: people judge in `annotations`.

Each value is a callable `(config: dict) -> games.listeners.base.Listener`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from games.listeners.base import Listener, ListenerError

LISTENERS: dict[str, str] = {
    "fake": "games.listeners.fake.FakeListener",
    "learned": "games.listeners.learned.LearnedListener",
    "lexicon": "games.listeners.lexicon.LexiconListener",
    "llm": "games.listeners.llm.LLMListener",
}


def load(kind: str, config: dict[str, Any]) -> Listener:
    """Build the listener of this kind from its row's `config`.

    Raises:
        ListenerError: no such kind, or it cannot be built from this configuration.
    """
    if kind not in LISTENERS:
        raise ListenerError(f"A listener of kind {kind!r} cannot be played by a model. Choose one of: {', '.join(LISTENERS)}.")
    module, name = LISTENERS[kind].rsplit(".", 1)
    listener: Listener = getattr(import_module(module), name)(config)
    return listener
