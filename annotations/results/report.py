"""The results of a study, read from its rows: for the page, its figures, the monitor and `study_report`. As JSON: `report_json`."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from django.db.models import Count

from annotations import exclusion
from annotations.models import Arm, Assignment, Participant, Study
from annotations.results import agreement, findings, listening, sequential
from annotations.results.acceptance import ArmResult, Contrast, Verdict, summarise
from games.models import Judgment, Listener, Utterance

UNGRADED = "not graded"
BOTS, PEOPLE = "Simulated participants", "People"


@dataclass(frozen=True)
class ArmRow:
    """An arm as staff see it. `judgments` counts all that were given, `counts.usable` those that no rule has excluded."""

    arm: Arm
    judgments: int
    counts: ArmResult
    excluded: dict[str, int] = field(default_factory=dict)
    "Reason → how many."

    @property
    def left_out(self) -> int:
        return sum(self.excluded.values())


@dataclass(frozen=True)
class ContrastRow:
    """`arm` against `against`, with what can be said of it in words."""

    arm: Arm
    against: Arm
    rates: Contrast
    sentence: str


@dataclass(frozen=True)
class PartingRow:
    """An utterance that people and a simulated listener took differently."""

    utterance: Utterance
    arm: str
    judgments: int
    people: float
    listener: float


@dataclass(frozen=True)
class BesideRow:
    found: agreement.Beside
    apart: list[PartingRow]


@dataclass(frozen=True)
class People:
    """How many came, and what became of them."""

    entered: int = 0
    finished: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    "`under way` and the outcomes of `Participant.Outcome`."
    excluded: dict[str, int] = field(default_factory=dict)
    "Reason → people none of whose judgments is used."
    bots: int = 0
    "In the study, whether they are in these results or not."


@dataclass(frozen=True)
class StudyResults:
    study: Study
    simulated: bool
    "Bots are among those counted."
    who: People
    people: int
    "With a usable judgment."
    questions: int
    arms: list[ArmRow]
    contrasts: list[ContrastRow]
    calibrations: list[listening.Calibration]
    times: list[listening.Time]
    cuts: list[listening.Cut]
    alpha: agreement.Alpha
    beside: list[BesideRow]
    stopping: sequential.Status | None
    "None: the study declared no goal."

    @property
    def entered(self) -> int:
        return self.who.entered

    @property
    def finished(self) -> int:
        return self.who.finished

    @property
    def usable(self) -> int:
        return sum(row.counts.usable for row in self.arms)

    @property
    def contrast(self) -> ContrastRow | None:
        """The main one: the last arm against the first."""
        return self.contrasts[-1] if self.contrasts else None

    @property
    def listeners(self) -> str:
        return BOTS if self.simulated else PEOPLE


def results_of(study: Study, *, bots: bool = False) -> StudyResults:
    """The same number of queries however many arms, people and judgments. Bots are left out unless they are asked for.

    Marks first what the study's rules exclude of those who left without finishing.
    """
    exclusion.settle_study(study)
    arms = list(study.arms.select_related("speaker"))
    names = [arm.name for arm in arms]
    verdicts, ungraded = _verdicts(study, bots)
    found = summarise(verdicts, arms=names)
    who = _people(study, bots)
    listeners = BOTS if bots and who.bots else PEOPLE
    counts = dict(zip(names, found.arms, strict=True))
    by_name = {arm.name: arm for arm in arms}
    contrasts = [
        ContrastRow(
            arm=by_name[one.arm],
            against=by_name[one.against],
            rates=one,
            sentence=findings.sentence(
                counts[one.arm], counts[one.against], one, (str(by_name[one.arm].speaker), str(by_name[one.against].speaker)), listeners=listeners
            ),
        )
        for one in found.contrasts
    ]
    return StudyResults(
        study=study,
        simulated=listeners == BOTS,
        who=who,
        people=found.people,
        questions=found.questions,
        arms=[_arm_row(arm, counts[arm.name], verdicts, ungraded) for arm in arms],
        contrasts=contrasts,
        calibrations=listening.calibrations(verdicts, names, study.seed),
        times=listening.times(verdicts, names),
        cuts=listening.cuts(verdicts, names, study.rules.exclusion.knew_over),
        alpha=agreement.people_agree(verdicts, study.seed),
        beside=_beside(study, verdicts),
        stopping=_stopping(study, contrasts, [one.usable for one in found.arms]),
    )


def _verdicts(study: Study, bots: bool) -> tuple[list[Verdict], Counter[str]]:
    """Every judgment on a graded answer, those excluded with their reason; and how many there are of each arm on answers that nobody graded."""
    given = Assignment.objects.filter(arm__study=study, judgment__isnull=False, participant__is_preview=False).order_by("id")
    fields = ("arm__name", "participant__code", "question_id", "utterance__is_correct", "judgment__accepted", "utterance_id")
    measures = ("judgment__probability", "judgment__response_ms", "judgment__knew_answer", "judgment__excluded", "participant__excluded")
    rows = list((given if bots else given.filter(participant__is_bot=False)).values_list(*fields, *measures))
    knew = _knew(study, [(row[1], row[8]) for row in rows])
    verdicts = []
    for (arm, person, question, right, accepted, utterance, probability, ms, _, why, whole), known in zip(rows, knew, strict=True):
        if right is not None:
            seconds = None if ms is None else ms / 1000
            verdicts.append(Verdict(arm, person, question, right, accepted, utterance, probability, seconds, known, why or whole))
    return verdicts, Counter(row[0] for row in rows if row[3] is None)


def _knew(study: Study, answers: list[tuple[str, float | None]]) -> list[float | None]:
    """(Person, "did you know it") as the study's rule looks at it, in the same order."""
    if not study.rules.exclusion.knew_normalised:
        return [knew for _, knew in answers]
    by_person: dict[str, list[float | None]] = defaultdict(list)
    for person, knew in answers:
        by_person[person].append(knew)
    relative = {person: iter(exclusion.normalised(theirs)) for person, theirs in by_person.items()}
    return [next(relative[person]) for person, _ in answers]


def _arm_row(arm: Arm, counts: ArmResult, verdicts: list[Verdict], ungraded: Counter[str]) -> ArmRow:
    reasons = Counter(row.excluded for row in verdicts if row.arm == arm.name and row.excluded)
    if ungraded[arm.name]:
        reasons[UNGRADED] = ungraded[arm.name]
    return ArmRow(arm, counts.usable + reasons.total(), counts, dict(sorted(reasons.items())))


def _people(study: Study, bots: bool) -> People:
    rows = study.participants.filter(is_preview=False).values_list("is_bot", "outcome", "excluded").annotate(n=Count("id")).order_by()
    outcomes: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    for is_bot, outcome, reason, n in rows:
        if bots or not is_bot:
            outcomes[outcome or "under way"] += n
            excluded[reason] += n
    excluded.pop("", None)
    return People(
        entered=outcomes.total(),
        finished=outcomes[Participant.Outcome.FINISHED],
        outcomes=dict(sorted(outcomes.items())),
        excluded=dict(sorted(excluded.items())),
        bots=sum(n for is_bot, _, _, n in rows if is_bot),
    )


def _beside(study: Study, verdicts: list[Verdict]) -> list[BesideRow]:
    shown = Assignment.objects.filter(arm__study=study, judgment__isnull=False).values("utterance_id")
    simulated = Judgment.objects.usable().filter(utterance__in=shown).exclude(listener__kind=Listener.Kind.HUMAN).order_by("listener__name", "id")
    heard: dict[str, dict[int, agreement.Heard]] = defaultdict(dict)
    for listener, utterance, probability, accepted in simulated.values_list("listener__name", "utterance_id", "probability", "accepted"):
        heard[listener][utterance] = agreement.Heard(probability, accepted)
    found = agreement.beside(verdicts, heard, study.seed)
    texts = Utterance.objects.select_related("question").in_bulk({one.utterance for row in found for one in row.apart})
    arms = {row.utterance: row.arm for row in verdicts}
    return [
        BesideRow(row, [PartingRow(texts[one.utterance], arms[one.utterance], one.judgments, one.people, one.listener) for one in row.apart])
        for row in found
    ]


def _stopping(study: Study, contrasts: list[ContrastRow], usable: list[int]) -> sequential.Status | None:
    from scipy.special import ndtri  # takes a third of a second to import

    rules = study.rules.stopping
    if not rules.goal or not usable:
        return None
    main = contrasts[-1].rates.false_accept.headline if contrasts else None
    z = None
    if main is not None and main.p is not None and main.value is not None:
        z = float(-ndtri(max(main.p, 1e-300) / 2)) * (-1 if main.value < 0 else 1)
    return sequential.status(looks=max(1, rules.looks), fraction=min(usable) / rules.goal, z=z, alpha=rules.alpha)
