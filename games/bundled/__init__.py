"""The bundled world: fact tables, the library made from them, and the small base speaker that learned from it."""

from pathlib import Path

FACTS = Path(__file__).parent / "facts"
BASE_SPEAKER = Path(__file__).parent / "base_speaker"
