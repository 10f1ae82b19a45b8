"""Files sealed in a chain, so that one digest pins them all. Knows nothing of Django.

Each entry's `chain` is the SHA-256 of the entry's name, the SHA-256 of its content, and the `chain` before it. The last one is the digest: who has
it, in a paper or a preregistration, can tell whether any byte, name or order of the files has changed since, the manifest's own included.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

MANIFEST = "manifest.json"
START = "0" * 64


class Broken(ValueError):
    """The files are not those that were sealed; the message names the first that differs."""


class Sealed(NamedTuple):
    manifest: bytes
    digest: str


def seal(files: Mapping[str, bytes], about: Mapping[str, Any]) -> Sealed:
    """The manifest of these files, in the order of their names. `about` is told in it, and sealed as the chain's first link.

    >>> seal({"a": b"1"}, {}).digest == seal({"a": b"1"}, {}).digest != seal({"a": b"2"}, {}).digest
    True
    """
    link = _first(about)
    entries = []
    for name in sorted(files):
        sha256 = hashlib.sha256(files[name]).hexdigest()
        link = _next(link, name, sha256)
        entries.append({"name": name, "bytes": len(files[name]), "sha256": sha256, "chain": link})
    content = json.dumps({"about": dict(about), "files": entries, "digest": link}, indent=2, ensure_ascii=False) + "\n"
    return Sealed(content.encode(), link)


def verify(folder: Path, *, expected: str = "") -> str:
    """The digest of a folder whose files are those that were sealed.

    Raises:
        Broken: they are not, or the digest is not the `expected` one.
    """
    about, entries, digest = _manifest(folder)
    link = _first(about)
    for entry in entries:
        name = entry["name"]
        file = folder / name
        if not file.is_file():
            raise Broken(f"{file}: it is in the manifest, and not in the folder.")
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        if sha256 != entry["sha256"]:
            raise Broken(f"{file}: its content differs from what was exported (SHA-256 {sha256[:12]}…, sealed {entry['sha256'][:12]}…).")
        link = _next(link, name, sha256)
        if link != entry["chain"]:
            raise Broken(f"{folder / MANIFEST}: the chain breaks at {name}. An entry was changed, moved or taken out.")
    if link != digest:
        raise Broken(f"{folder / MANIFEST}: its digest is not that of its entries. An entry was taken from its end, or the digest changed.")
    strangers = sorted({path.name for path in folder.iterdir()} - {entry["name"] for entry in entries} - {MANIFEST})
    if strangers:
        raise Broken(f"{folder / strangers[0]}: it is in the folder, and not in the manifest.")
    if expected and expected.lower() != digest:
        raise Broken(f"{folder}: whole in itself, but its digest is {digest}, not {expected}. It is another export than the one you have in mind.")
    return digest


def _manifest(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    path = folder / MANIFEST
    if not path.is_file():
        raise Broken(f"{path}: there is none. Name a folder that export_study has written.")
    try:
        content = json.loads(path.read_bytes())
        entries = [{key: str(entry[key]) for key in ("name", "sha256", "chain")} for entry in content["files"]]
        if any("/" in entry["name"] or entry["name"] in ("", ".", "..") for entry in entries):
            raise Broken(f"{path}: it names a file outside of its folder.")
        return dict(content["about"]), entries, str(content["digest"])
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, Broken):
            raise
        raise Broken(f"{path}: this is no manifest of export_study ({error!r:.80}).") from error


def _first(about: Mapping[str, Any]) -> str:
    return _hash([START, json.dumps(about, sort_keys=True, ensure_ascii=False)])


def _next(link: str, name: str, sha256: str) -> str:
    return _hash([link, name, sha256])


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
