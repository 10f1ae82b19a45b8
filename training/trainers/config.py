"""Configuration dataclasses of trainers: presets, overrides given as text, and the type of every field checked before any work starts."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any


class ConfigError(ValueError):
    """A method, a preset or a field of a configuration that cannot be; the message is for the user."""


def make(kind: type, *, presets: Mapping[str, Mapping[str, Any]], preset: str, overrides: Mapping[str, Any]) -> Any:
    """A configuration: the dataclass's defaults, then the preset, then the overrides.

    Raises:
        ConfigError: no such preset or field, or a value of another type than the field's.
    """
    if preset not in presets:
        raise ConfigError(f"Unknown preset {preset!r}. Choose one of: {', '.join(presets)}.")
    return from_dict(kind, {**presets[preset], **overrides})


def from_dict(kind: type, values: Mapping[str, Any]) -> Any:
    """The dataclass `kind` with these values, each checked against its field's type."""
    hints = typing.get_type_hints(kind)
    for name, value in values.items():
        if name not in hints:
            raise ConfigError(f"There is no setting {name!r}. Choose from: {', '.join(field.name for field in dataclasses.fields(kind))}.")
        if not _fits(value, hints[name]):
            raise ConfigError(f"{name}={value!r}: this setting takes {_words(hints[name])}.")
    frozen = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return kind(**frozen)


def as_json(config: Any) -> dict[str, Any]:
    """The configuration as JSON has it: tuples as lists, so that what is stored equals what is read back."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return values


def parse_overrides(kind: type, assignments: Iterable[str]) -> dict[str, Any]:
    """`key=value` texts as typed values. Lists are written with commas; `none` empties a setting that may be empty.

    >>> @dataclasses.dataclass
    ... class Example:
    ...     rate: float = 0.1
    ...     losses: tuple[str, ...] = ("sigmoid",)
    >>> parse_overrides(Example, ["rate=1e-3", "losses=sigmoid,sft"])
    {'rate': 0.001, 'losses': ['sigmoid', 'sft']}
    """
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"{assignment!r} is not of the form key=value.")
        name = name.strip()
        values[name] = _parse(name, text.strip(), hints[name]) if name in hints else text
    return values


def _parse(name: str, text: str, hint: Any) -> Any:
    for option in _options(hint):
        value = _read(text, option)
        if value is not _NOTHING:
            return value
    raise ConfigError(f"{name}={text}: this setting takes {_words(hint)}.")


_NOTHING = object()


def _read(text: str, hint: Any) -> Any:
    """The text as a value of this plain type, or _NOTHING."""
    if hint is types.NoneType:
        return None if text.lower() == "none" else _NOTHING
    if hint is bool:
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(text.lower(), _NOTHING)
    if typing.get_origin(hint) is tuple:
        items = [_read(item.strip().strip("\"'"), typing.get_args(hint)[0]) for item in text.strip("[]() ").split(",") if item.strip()]
        return _NOTHING if _NOTHING in items else items
    try:
        return hint(text)
    except ValueError:
        return _NOTHING


def _options(hint: Any) -> tuple[Any, ...]:
    """The members of a union, the narrowest first: `none` is tried before text, a list of names after the one word that has a meaning."""
    if typing.get_origin(hint) not in (types.UnionType, typing.Union):
        return (hint,)
    return tuple(sorted(typing.get_args(hint), key=lambda item: (item is not types.NoneType, item is str)))


def _fits(value: Any, hint: Any) -> bool:
    for option in _options(hint):
        if typing.get_origin(option) is tuple:
            if isinstance(value, list | tuple) and all(_fits(item, typing.get_args(option)[0]) for item in value):
                return True
        elif isinstance(value, bool) and option is not bool:
            continue
        elif isinstance(value, option) or (option is float and isinstance(value, int)):
            return True
    return False


def _words(hint: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a word", types.NoneType: "none"}
    return " or ".join(
        f"a list ({_words(typing.get_args(option)[0])} each)" if typing.get_origin(option) is tuple else names[option] for option in _options(hint)
    )
