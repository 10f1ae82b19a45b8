"""What the documents promise: everything has a heading, every link leads somewhere, every command line would be understood."""

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandError
from django.urls import get_resolver

from games import intervals, layouts, metrics
from games.estimators import ESTIMATORS
from games.estimators.recalibration import RECALIBRATIONS
from games.layouts import BUNDLED, LAYOUTS
from games.listeners import LISTENERS
from games.listeners.base import Heard
from games.metrics import METRICS
from games.models import Listener
from games.speakers import SPEAKERS, Spec
from games.speakers.base import Generation, SpeakerError
from lacie_platform.api import router
from training.management.commands import build_pairs
from training.preferences import BUNDLED as RECIPE
from training.preferences import Options
from training.trainers import METHODS

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*DOCS, *sorted(ROOT.glob("*.md"))]
SCRIPTS = sorted((ROOT / "runs").glob("*.sh"))
OURS = ("games", "training", "annotations", "lacie_platform")
PLACEHOLDER = re.compile(r"…|<\w+>")
"""In a line that shows a form, not a command."""


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def text_of(page: Path) -> str:
    return re.sub(r"<!--.*?-->", "", page.read_text(), flags=re.DOTALL)


def headings(page: Path) -> list[str]:
    """The page's headings without marks, outside of code blocks."""
    prose = re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    return [match.strip() for match in re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)]


def anchor(heading: str) -> str:
    """As code hosts make it: lower case, punctuation out, a dash for each space."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def named(page: str) -> set[str]:
    return {heading.strip("`") for heading in headings(ROOT / "docs" / page)}


# Everything has a heading


def sources() -> Iterator[Path]:
    yield ROOT / "manage.py"
    for app in OURS:
        yield from (ROOT / app).rglob("*.py")


def environment_names() -> set[str]:
    """The names that our code reads from the environment, by `env.…("NAME")`, `environ.get("NAME")` or `environ["NAME"]`."""
    found = set()
    for path in sources():
        tree = ast.parse(path.read_text())
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            asked = _asked(node)
            name = constants.get(asked.id) if isinstance(asked, ast.Name) else getattr(asked, "value", None)
            if isinstance(name, str):
                found.add(name)
    return found


def _asked(node: ast.AST) -> ast.expr | None:
    """The expression that names what is read from the environment here, if anything is."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        return node.args[0] if ast.unparse(node.func.value) == "env" or ast.unparse(node.func) in ("os.environ.get", "os.getenv") else None
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and ast.unparse(node.value) == "os.environ":
        return node.slice
    return None


def own_commands() -> list[str]:
    return sorted(name for name, app in get_commands().items() if app in OURS)


def test_every_setting_has_a_heading():
    names = environment_names()
    assert {"DATABASE_URL", "SECRET_KEY", "TRAINER_PARENT"} <= names, "the search finds what is known to be there"
    assert not names - named("settings.md")


def test_no_heading_of_the_settings_is_of_one_that_nothing_reads():
    assert not {name for name in named("settings.md") if re.fullmatch(r"[A-Z_]+", name)} - environment_names()


def test_every_command_has_a_heading():
    assert not set(own_commands()) - named("commands.md")


def test_every_speaker_back_end_has_a_heading():
    assert not set(SPEAKERS) - named("adding-a-speaker.md")


def test_every_kind_of_listener_has_a_heading():
    assert not {*LISTENERS, *Listener.Kind.values} - named("adding-a-listener.md")


def test_every_estimator_and_recalibration_has_a_heading():
    assert not {*ESTIMATORS, *RECALIBRATIONS} - named("adding-an-estimator.md")


def test_every_method_has_a_heading():
    assert not set(METHODS) - named("adding-a-method.md")


def test_every_layout_of_questions_has_a_heading():
    assert not {*LAYOUTS, BUNDLED} - named("adding-a-dataset.md")


def test_every_metric_has_a_heading():
    assert not set(METRICS) - named("adding-a-metric.md")


def test_every_paired_test_is_written_down():
    page = text_of(ROOT / "docs/adding-a-metric.md")
    assert not {name for name in intervals.OUTCOMES if f"| `{name}` |" not in page}


def test_every_resource_of_the_api_has_a_heading():
    assert not {prefix for prefix, _, _ in router.registry} - named("api.md")


@pytest.mark.parametrize(("prefix", "viewset"), [(prefix, viewset) for prefix, viewset, _ in router.registry])
def test_every_field_and_filter_of_the_api_is_written_down(prefix, viewset):
    section = re.split(r"^## ", text_of(ROOT / "docs/api.md"), flags=re.MULTILINE)
    told = set(re.findall(r"`([a-z_]+)`", next(part for part in section if part.startswith(f"`{prefix}`"))))
    told |= set(re.findall(r"`([a-z_]+)`", next(part for part in section if part.startswith("Jobs"))))
    assert not {*viewset.serializer_class().fields, *viewset.filterset_class.base_filters} - told


def test_every_model_in_the_admin_or_api_is_a_word_of_the_glossary():
    words = (ROOT / "docs/concepts.md").read_text().lower()
    models = {model._meta.verbose_name for app in ("games", "training", "annotations") for model in apps.get_app_config(app).get_models()}
    assert not {name for name in map(str, models) if name not in words} - {"arm utterance"}


# Every link leads somewhere

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")


@pytest.mark.parametrize("document", PAGES, ids=ids(PAGES))
def test_every_relative_link_leads_somewhere(document):
    for target in LINK.findall(text_of(document)):
        path, _, fragment = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{document.name} links to {target}"
        if fragment:
            assert fragment in [anchor(heading) for heading in headings(file)], f"{document.name} links to {target}"


def test_every_page_is_reached_from_the_readme():
    reached, to_read = set(), [ROOT / "README.md"]
    while to_read:
        page = to_read.pop()
        for target in LINK.findall(text_of(page)):
            file = (page.parent / target.partition("#")[0]).resolve()
            for found in sorted(file.glob("*.md")) if file.is_dir() else [file]:
                if found.suffix == ".md" and found not in reached:
                    reached.add(found)
                    to_read.append(found)
    assert not set(PAGES) - reached - {ROOT / "README.md"}


def test_what_the_code_says_of_the_documents_is_there():
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in [*sources(), ROOT / "Makefile", *SCRIPTS]
        for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text())
        if not (ROOT / name).exists()
    }
    assert not wrong


def test_every_file_in_the_readmes_tree_is_there():
    tree = re.search(r"^## The tree\n+```\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL | re.MULTILINE)
    assert tree
    folders: list[str] = []
    for line in tree[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 4
        name = line.split()[0]
        folders = [*folders[:depth], name]
        assert list(ROOT.glob("".join(folders))), "".join(folders)


def test_the_pages_name_addresses_that_exist():
    known = {"/api/docs/", "/api/schema/", "/health/", "/admin/", "/training/comparisons/", "/s/trivia/", "/s/trivia/results/", "/api/auth/login/"}
    told = {address for page in PAGES for address in known if address in page.read_text()}
    assert told == known
    for address in known:
        get_resolver().resolve(address)


# Every command line would be understood


def command_lines(page: Path) -> Iterator[str]:
    """The arguments after `manage.py` on the page's lines, those that go on after a backslash put together. In scripts: after `manage`."""
    text = text_of(page).replace("\\\n", " ").replace('"$SEED"', "0")
    marks = r"^\s*(?:[A-Z_]+=\S+ )*(?:\S*python3? )?manage\.py (\S.+)$"
    inline = r"`(?:python )?manage\.py (\S[^`]+)`"
    in_script = r"^(?:\w+=\$\()?manage ([a-z].+?)\)?$"
    patterns = [in_script] if page.suffix == ".sh" else [marks, inline]
    for pattern in patterns:
        yield from re.findall(pattern, text, flags=re.MULTILINE)


@pytest.mark.parametrize("document", [*PAGES, *SCRIPTS], ids=ids([*PAGES, *SCRIPTS]))
def test_every_command_line_would_be_understood(document):
    for line in command_lines(document):
        words = [word for word in shlex.split(line, comments=True) if not PLACEHOLDER.fullmatch(word)]
        if words:
            assert not (refusal := refused(words)), f"{document.name}: manage.py {line}\n{refusal}"


@pytest.mark.parametrize("name", ["docs/commands.md", "docs/tutorial.md", "runs/demo.sh", "runs/lacie.sh"])
def test_the_search_for_command_lines_finds_them(name):
    assert len(list(command_lines(ROOT / name))) >= 8


def refused(words: list[str]) -> str:
    """Why the command's own parser does not take these words; empty if it does. A command named without options is only looked up."""
    name, *arguments = words
    if name not in {*get_commands(), "help"}:
        return f"there is no command {name}"
    if not arguments or name == "help":
        return ""
    try:
        load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(shell_free(arguments))
    except (SystemExit, CommandError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", ["docs/tutorial.md", "runs/demo.sh"])
def test_the_loop_by_hand_builds_the_pairs_that_the_demo_builds(name):
    built = {words[1]: words[1:] for words in map(shlex.split, command_lines(ROOT / name)) if words[0] == "build_pairs"}
    for pair_set, wanted in RECIPE.items():
        given = vars(build_pairs.Command().create_parser("manage.py", "build_pairs").parse_args(built[pair_set]))
        assert build_pairs._options(given, Options()) == wanted


def shell_free(arguments: list[str]) -> list[str]:
    """Without what the shell takes for itself: `> file` at the end."""
    return arguments[: arguments.index(">")] if ">" in arguments else arguments


@pytest.mark.parametrize("line", ["play_game --spaeker base", "no_such_command x", "build_pairs x --rule other --speaker a --listener b"])
def test_a_command_line_that_nobody_would_understand_is_found(line):
    assert refused(line.split())


def test_commands_md_names_no_option_that_the_command_lacks():
    for section in re.split(r"^## ", text_of(ROOT / "docs/commands.md"), flags=re.MULTILINE)[1:]:
        name = section.split("`")[1]
        options = load_command_class(get_commands()[name], name).create_parser("manage.py", name)._option_string_actions
        assert not set(re.findall(r"`(--[a-z-]+)", section)) - set(options), name


# Every example would run

PYTHON = re.compile(r"^```python\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


def examples(name: str) -> list[str]:
    return PYTHON.findall(text_of(ROOT / "docs" / name))


@pytest.mark.parametrize("document", PAGES, ids=ids(PAGES))
def test_every_python_example_is_python(document):
    for code in PYTHON.findall(text_of(document)):
        ast.parse(code)


def test_the_example_of_a_speaker_answers(tmp_path):
    program = tmp_path / "oracle"
    program.write_text('#!/bin/sh\nread question\necho "$question $1"\n')
    program.chmod(0o755)
    space: dict = {}
    exec(examples("adding-a-speaker.md")[0], space)
    said = space["ProgramSpeaker"](Spec("program", base_model=str(program))).respond(["Who?", "What?"], Generation(samples=2, seed=3))
    assert [[one.text for one in row] for row in said] == [["Who? 3", "Who? 4"], ["What? 3", "What? 4"]]
    with pytest.raises(SpeakerError, match="no program"):
        space["ProgramSpeaker"](Spec("program", base_model=str(tmp_path / "nothing")))


def test_the_example_of_a_listener_judges():
    space: dict = {}
    exec(examples("adding-a-listener.md")[0], space)
    assert [verdict.probability for verdict in space["LengthListener"]({"half": 2}).judge([Heard("Who?", "two words"), Heard("Who?", "")])] == [
        0.5,
        1.0,
    ]


def test_the_example_of_a_metric_measures():
    space = dict(vars(metrics))
    exec(examples("adding-a-metric.md")[0], space)
    assert space["boldness"]([0.9, 0.1], [True, False]) == 0.5
    assert space["boldness"]([0.9, 0.1], [True, False], metrics.np.array([[1.0, 0.0], [1.0, 1.0]])).tolist() == [0.9, 0.5]


def test_the_example_of_a_layout_reads():
    space = dict(vars(layouts))
    before = dict(layouts.LAYOUTS)
    try:
        exec(examples("adding-a-dataset.md")[0], space)
        row = layouts.LAYOUTS["quizbowl"].convert({"prompt": "Who?", "solutions": ["Ada", "Ada Lovelace"], "category": "people"})
    finally:
        layouts.LAYOUTS.clear()
        layouts.LAYOUTS.update(before)
    assert (row.text, row.answers, row.relation) == ("Who?", ("Ada", "Ada Lovelace"), "people")


def test_the_example_of_a_method_has_the_parts_of_one():
    """Up to its last two lines, which only run as a program."""
    tree = ast.parse(examples("adding-a-method.md")[0])
    assert {"Config", "PRESETS", "train"} <= {getattr(node, "name", None) or ast.unparse(getattr(node, "target", node)) for node in tree.body}
    module = import_module(METHODS["lacie"])
    assert set(module.PRESETS) == {"lacie-mistral-7b", "bundled"} and {"Config", "train"} <= set(vars(module))
