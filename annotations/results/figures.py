"""Which figures a study has numbers for, with what stands beside each for those who do not see it. Drawn by `annotations.results.plots`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from annotations.results import findings
from annotations.results.report import StudyResults
from games.figures import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawn


class Figure(NamedTuple):
    name: str
    "As `draw` takes it."
    title: str
    alt: str


def figures(found: StudyResults) -> dict[str, Figure]:
    """By name, in the order of the page. None for a study without a usable judgment."""
    if not found.usable:
        return {}
    rows = [_acceptance(found), _contrast(found), _thresholds(found), _reliability(found)]
    rows += [_beside(found, place) for place in range(len(found.beside))]
    return {row.name: row for row in rows if row}


def draw(found: StudyResults, name: str) -> Drawn:
    """The figure of this name.

    Raises:
        KeyError: the study has no such figure.
    """
    from annotations.results import plots  # matplotlib takes a second to import: not at the start of every command

    if name not in figures(found):
        raise KeyError(name)
    kind, _, place = name.partition("-")
    with plots.styled():
        if kind == "listener":
            one = found.beside[int(place)].found
            return plots.curve(
                one.bins, x=f"probability of acceptance, {one.listener}", y="share that people accepted", diagonal="people as the listener"
            )
        drawn: dict[str, Callable[[], Drawn]] = {
            "acceptance": lambda: plots.acceptance([row.counts for row in found.arms], [row.arm.speaker.name for row in found.arms]),
            "contrast": lambda: plots.contrast(
                [plots.Row(row.arm.speaker.name, row.rates.false_accept, row.rates.true_accept) for row in found.contrasts]
            ),
            "thresholds": lambda: plots.thresholds(found.cuts),
            "reliability": lambda: plots.curve(
                found.calibrations[0].bins, x="people's probability that the answer is right", y="share right", diagonal="as sure as right"
            ),
        }
        return drawn[kind]()


def pdf(found: StudyResults) -> bytes:
    """For the paper: the sentence with the table of counts, then every figure, one a page."""
    from annotations.results import plots
    from games.plots import as_pdf

    head = ["arm", "people", "usable", "excluded", "true\naccepts", "false\naccepts", "true\nrejects", "false\nrejects", "precision", "recall"]
    rows = [_cells(row) for row in found.arms]
    sentence = found.contrast.sentence if found.contrast and found.usable else "No usable judgments yet."
    digest = f" Protocol {found.study.digest[:16]}…" if found.study.digest else ""
    note = f"95 % intervals clustered by person and question.{' SIMULATED: bots are counted.' if found.simulated else ''}{digest}"
    with plots.styled():
        first = plots.page(f"{found.study.title} ({found.study.name}, {found.study.state})", _wrapped(sentence), head, rows, note)
    return as_pdf([first, *(draw(found, name) for name in figures(found))])


def _cells(row: Any) -> list[str]:
    counts = row.counts
    numbers = (counts.people, counts.usable, row.left_out)
    four = (counts.true_accepts, counts.false_accepts, counts.true_rejects, counts.false_rejects)
    return [row.arm.speaker.name, *map(str, numbers + four), _short(counts.precision.value), _short(counts.true_accept_rate.value)]


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _wrapped(text: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, 105))


def _acceptance(found: StudyResults) -> Figure:
    said = "; ".join(
        f"{row.arm.speaker}: right {percent(row.counts.true_accept_rate._asdict())}, wrong {percent(row.counts.false_accept_rate._asdict())}"
        for row in found.arms
    )
    return Figure("acceptance", "What was accepted", f"For each arm the share of right and of wrong answers accepted. {said}.")


def _contrast(found: StudyResults) -> Figure | None:
    known = [row for row in found.contrasts if row.rates.false_accept.headline.value is not None or row.rates.true_accept.headline.value is not None]
    if not known:
        return None
    said = " ".join(row.sentence for row in known)
    return Figure("contrast", "Change against the first arm", f"Change of accepted wrong and right answers, with intervals. {said}")


def _thresholds(found: StudyResults) -> Figure | None:
    values = [(cut.over, cut.contrast.false_accept.headline.value) for cut in found.cuts if cut.contrast]
    told = [f"{findings.signed(value)} at {over:.2f}" for over, value in values if value is not None]
    if not told:
        return None
    alt = f"Change of accepted wrong answers by the threshold of the “knew the answer” rule: {', '.join(told)}."
    return Figure("thresholds", "Had the “knew it” rule been another", alt)


def _reliability(found: StudyResults) -> Figure | None:
    if not found.calibrations or not found.calibrations[0].bins:
        return None
    first, last = found.calibrations[0].bins[0], found.calibrations[0].bins[-1]
    alt = (
        f"Reliability of people: at a mean probability of {first['probability']:.2f}, {percent(first['accuracy'])} of the answers are right; "
        f"at {last['probability']:.2f}, {percent(last['accuracy'])}."
    )
    return Figure("reliability", "How well people's sureness was placed", alt)


def _beside(found: StudyResults, place: int) -> Figure | None:
    one = found.beside[place].found
    if not one.bins:
        return None
    first, last = one.bins[0], one.bins[-1]
    alt = (
        f"People beside {one.listener}: where it gave {first['probability']:.2f}, people accepted {percent(first['accuracy'])}; "
        f"where it gave {last['probability']:.2f}, {percent(last['accuracy'])}."
    )
    return Figure(f"listener-{place}", f"People beside {one.listener}", alt)
