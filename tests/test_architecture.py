"""The import rules of the house: who may lean on whom, what stays plain, and what the web process never loads."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "games": {"training", "annotations", "lacie_platform"},
    "training": {"annotations", "lacie_platform"},
    "annotations": {"training", "lacie_platform"},
}
PLAIN = [
    *(
        f"games/{name}.py"
        for name in ("prompts", "grading", "confidence", "metrics", "intervals", "curves", "report", "findings", "figures", "over_seeds", "plots")
    ),
    "games/speakers/*.py",
    "games/listeners/*.py",
    "games/estimators/*.py",
    "games/bundled/*.py",
    "training/preferences.py",
    "training/trainers/*.py",
    "annotations/protocol.py",
    "annotations/texts.py",
    "annotations/blinding.py",
    "annotations/participant/assignment.py",
    "annotations/payments/payoff.py",
    *(f"annotations/recruiting/{name}.py" for name in ("refusals", "tokens")),
    *(f"annotations/results/{name}.py" for name in ("acceptance", "agreement", "clustered", "findings", "listening", "plots", "sequential")),
]
ROOMS = {
    "recruiting": set(),
    "payments": {"recruiting"},
    "bots": {"recruiting"},
    "participant": {"recruiting", "payments", "bots"},
    "building": {"recruiting", "payments", "participant"},
    "results": set(),
    "data": {"participant"},
    "console": {"recruiting", "payments", "bots", "participant", "building", "results", "data"},
}
"""The rooms of `annotations`, and those that each may lean on."""
TRAINING_STACK = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


def sources(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def imported(path: Path) -> Iterator[str]:
    """The top-level names of everything that this file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import; name the module in full"
            yield (node.module or "").split(".")[0]


def fresh(code: str) -> str:
    """What this code prints in an interpreter of its own, without settings."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": os.environ["HOME"]}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("app", FORBIDDEN)
def test_an_app_imports_only_what_is_below_it(app):
    wrong = {f"{path.relative_to(ROOT)} imports {name}" for path in sources(f"{app}/**/*.py") for name in imported(path) if name in FORBIDDEN[app]}
    assert not wrong


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_annotations_leans_only_on_those_below_it(room):
    leans = {
        node.module.split(".")[1]
        for path in sources(f"annotations/{room}/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("annotations.")
    }
    assert leans & set(ROOMS) <= ROOMS[room] | {room}


def test_every_room_of_annotations_has_its_place():
    aside = {"management", "migrations", "templatetags"}
    assert {path.parent.name for path in sources("annotations/*/__init__.py")} - aside == set(ROOMS)


@pytest.mark.parametrize("path", sources(*PLAIN), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_plain_module_knows_nothing_of_django(path):
    assert not {"django", "rest_framework", "channels"} & set(imported(path))


@pytest.mark.slow
def test_plain_modules_load_without_django_in_the_interpreter():
    """Also by way of what they import: this is what runs on a GPU machine without the database."""
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in sources(*PLAIN)]
    code = f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\nprint(sorted({{'django'}} & set(sys.modules)))"
    assert fresh(code) == "[]"


def test_back_end_tables_load_without_torch_and_without_django():
    code = "import sys, games.speakers, games.listeners, games.estimators, training.trainers\nprint(sorted({'torch', 'django'} & set(sys.modules)))"
    assert fresh(code) == "[]"


@pytest.mark.slow
def test_the_web_process_never_loads_the_training_stack(tmp_path):
    code = f"""
import os, sys
os.environ["DATA_DIR"] = {str(tmp_path)!r}
from lacie_platform import asgi
from django.contrib import admin
from django.urls import get_resolver
def resolve(patterns):
    return sum(resolve(one.url_patterns) if hasattr(one, "url_patterns") else 1 for one in patterns)
routes = resolve(get_resolver().url_patterns)
from drf_spectacular.generators import SchemaGenerator
SchemaGenerator().get_schema(public=True)
assert routes > 50 and len(admin.site._registry) > 15, (routes, len(admin.site._registry))
print(sorted(set({TRAINING_STACK!r}) & set(sys.modules)))
"""
    assert fresh(code) == "[]"
