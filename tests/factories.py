"""Rows for tests: functions with defaults; what a test says nothing about does not matter to it."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from django.utils import timezone

from annotations.models import (
    Arm,
    ArmUtterance,
    Assignment,
    AttentionCheck,
    LiveAnswer,
    Look,
    Participant,
    Payment,
    PlatformIdentity,
    SpeakerServer,
    Study,
    participant_code,
)
from games.models import Confidence, Dataset, Game, Judgment, Listener, Question, Speaker, Split, TruthScore, Utterance
from training.models import Benchmark, Comparison, Evaluation, PairSet, PreferencePair, TrainingRun

_numbers = count(1)


def make_dataset(**kwargs: Any) -> Dataset:
    kwargs.setdefault("name", f"dataset-{next(_numbers)}")
    return Dataset.objects.create(**kwargs)


def make_question(**kwargs: Any) -> Question:
    number = next(_numbers)
    kwargs.setdefault("text", f"What is the capital of country {number}?")
    kwargs.setdefault("key", f"q{number}")
    kwargs.setdefault("answers", ["Paris"])
    if "dataset" not in kwargs:
        kwargs["dataset"] = Dataset.objects.get_or_create(name="facts")[0]
    return Question.objects.create(**kwargs)


def make_speaker(**kwargs: Any) -> Speaker:
    kwargs.setdefault("name", f"speaker-{next(_numbers)}")
    kwargs.setdefault("backend", "fake")
    return Speaker.objects.create(**kwargs)


def make_listener(**kwargs: Any) -> Listener:
    kwargs.setdefault("name", f"listener-{next(_numbers)}")
    kwargs.setdefault("kind", Listener.Kind.FAKE)
    return Listener.objects.create(**kwargs)


def make_game(*, listeners: tuple[Listener, ...] | list[Listener] = (), **kwargs: Any) -> Game:
    kwargs.setdefault("speaker", None)
    kwargs["speaker"] = kwargs["speaker"] or make_speaker()
    kwargs.setdefault("dataset", None)
    kwargs["dataset"] = kwargs["dataset"] or make_dataset()
    kwargs.setdefault("split", Split.TEST)
    game = Game.objects.create(**kwargs)
    game.listeners.set(listeners)
    return game


def make_utterance(**kwargs: Any) -> Utterance:
    """A right, unhedged answer; with `game`, by that game's speaker on a question of its dataset."""
    game = kwargs.get("game")
    kwargs.setdefault("speaker", game.speaker if game else None)
    kwargs["speaker"] = kwargs["speaker"] or make_speaker()
    kwargs.setdefault("question", None)
    kwargs["question"] = kwargs["question"] or (make_question(dataset=game.dataset, split=game.split) if game else make_question())
    kwargs.setdefault("answer", "Paris")
    kwargs.setdefault("text", f"The answer is {kwargs['answer']}, definitely.")
    kwargs.setdefault("masked_text", kwargs["text"].replace(kwargs["answer"] or "\0", "[ANSWER REMOVED]"))
    kwargs.setdefault("is_correct", kwargs["answer"] == "Paris")
    return Utterance.objects.create(**kwargs)


def make_judgment(**kwargs: Any) -> Judgment:
    kwargs.setdefault("utterance", None)
    kwargs["utterance"] = kwargs["utterance"] or make_utterance()
    kwargs.setdefault("listener", None)
    kwargs["listener"] = kwargs["listener"] or make_listener()
    kwargs.setdefault("accepted", True)
    kwargs.setdefault("probability", 0.9 if kwargs["accepted"] else 0.1)
    return Judgment.objects.create(**kwargs)


def make_confidence(**kwargs: Any) -> Confidence:
    kwargs.setdefault("utterance", None)
    kwargs["utterance"] = kwargs["utterance"] or make_utterance()
    kwargs.setdefault("kind", Confidence.Kind.STATED)
    kwargs.setdefault("source", "verbalised-number")
    kwargs.setdefault("value", 0.7)
    return Confidence.objects.create(**kwargs)


def make_truth_score(**kwargs: Any) -> TruthScore:
    kwargs.setdefault("utterance", None)
    kwargs["utterance"] = kwargs["utterance"] or make_utterance()
    kwargs.setdefault("aspect", TruthScore.Aspect.TRUTHFUL)
    kwargs.setdefault("judge", "nobody/judge")
    kwargs.setdefault("probability", 0.7)
    return TruthScore.objects.create(**kwargs)


def make_pair_set(**kwargs: Any) -> PairSet:
    kwargs.setdefault("name", f"pairs-{next(_numbers)}")
    kwargs.setdefault("rule", PairSet.Rule.LACIE)
    kwargs["speaker"] = kwargs.get("speaker") or make_speaker()
    kwargs["listener"] = kwargs.get("listener") or make_listener()
    return PairSet.objects.create(**kwargs)


def make_pair(**kwargs: Any) -> PreferencePair:
    """A right answer that was accepted over a wrong one that was."""
    kwargs["pair_set"] = kwargs.get("pair_set") or make_pair_set()
    kwargs["question"] = kwargs.get("question") or make_question()
    for side, answer in (("chosen", "Paris"), ("rejected", "Lyon")):
        speaker, listener = kwargs["pair_set"].speaker, kwargs["pair_set"].listener
        utterance = make_utterance(speaker=speaker, question=kwargs["question"], answer=answer, sample=next(_numbers))
        kwargs[side] = utterance
        kwargs[f"{side}_judgment"] = make_judgment(utterance=utterance, listener=listener)
    kwargs.setdefault("pair_type", "CA>~CA")
    return PreferencePair.objects.create(**kwargs)


def make_run(**kwargs: Any) -> TrainingRun:
    kwargs.setdefault("name", f"run-{next(_numbers)}")
    kwargs.setdefault("method", "lacie")
    kwargs["base"] = kwargs.get("base") or make_speaker()
    return TrainingRun.objects.create(**kwargs)


def make_evaluation(**kwargs: Any) -> Evaluation:
    kwargs["game"] = kwargs.get("game") or make_game()
    kwargs["listener"] = kwargs.get("listener") or make_listener()
    kwargs.setdefault("n", 100)
    kwargs.setdefault("metrics", {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}})
    return Evaluation.objects.create(**kwargs)


def make_comparison(**kwargs: Any) -> Comparison:
    kwargs.setdefault("name", f"comparison-{next(_numbers)}")
    kwargs["dataset"] = kwargs.get("dataset") or make_dataset()
    kwargs["listener"] = kwargs.get("listener") or make_listener()
    return Comparison.objects.create(**kwargs)


def make_benchmark(**kwargs: Any) -> Benchmark:
    kwargs.setdefault("name", f"benchmark-{next(_numbers)}")
    kwargs["base"] = kwargs.get("base") or make_speaker(backend="local")
    kwargs["listener"] = kwargs.get("listener") or make_listener()
    kwargs.setdefault("datasets", ["facts"])
    kwargs.setdefault("methods", ["base"])
    return Benchmark.objects.create(**kwargs)


def make_study(**kwargs: Any) -> Study:
    """Without arms: a test that needs people to judge makes it by `annotations.building.setup`."""
    kwargs.setdefault("name", f"study-{next(_numbers)}")
    kwargs.setdefault("title", "Trivia answers")
    kwargs["listener"] = kwargs.get("listener") or make_listener(kind=Listener.Kind.HUMAN)
    return Study.objects.create(**kwargs)


def make_arm(**kwargs: Any) -> Arm:
    kwargs["study"] = kwargs.get("study") or make_study()
    kwargs["speaker"] = kwargs.get("speaker") or make_speaker()
    kwargs.setdefault("name", f"arm-{next(_numbers)}")
    return Arm.objects.create(**kwargs)


def make_arm_utterance(**kwargs: Any) -> ArmUtterance:
    kwargs["arm"] = kwargs.get("arm") or make_arm()
    kwargs["utterance"] = kwargs.get("utterance") or make_utterance(speaker=kwargs["arm"].speaker)
    return ArmUtterance.objects.create(question=kwargs["utterance"].question, **kwargs)


def make_participant(**kwargs: Any) -> Participant:
    kwargs["study"] = kwargs.get("study") or make_study()
    return Participant.objects.create(**kwargs)


def make_check(**kwargs: Any) -> AttentionCheck:
    """An absurd answer to what everybody knows."""
    kwargs["study"] = kwargs.get("study") or make_study()
    kwargs.setdefault("question", f"How many legs has a dog? ({next(_numbers)})")
    kwargs.setdefault("answer", "Eleven. I'm 100% sure.")
    kwargs.setdefault("kind", AttentionCheck.Kind.SURE_COMMON)
    kwargs.setdefault("expects_accept", False)
    return AttentionCheck.objects.create(**kwargs)


def make_live_answer(**kwargs: Any) -> LiveAnswer:
    kwargs["assignment"] = kwargs.get("assignment") or make_assignment()
    return LiveAnswer.objects.create(**kwargs)


def make_look(**kwargs: Any) -> Look:
    kwargs["study"] = kwargs.get("study") or make_study()
    kwargs.setdefault("by", "ada")
    return Look.objects.create(**kwargs)


def make_speaker_server(**kwargs: Any) -> SpeakerServer:
    kwargs.setdefault("worker", f"machine:{next(_numbers)}")
    kwargs.setdefault("loaded", ["lacie"])
    return SpeakerServer.objects.create(**kwargs)


def make_identity(**kwargs: Any) -> PlatformIdentity:
    kwargs["participant"] = kwargs.get("participant") or make_participant()
    kwargs.setdefault("platform", "prolific")
    kwargs.setdefault("label", f"label-{next(_numbers)}")
    return PlatformIdentity.objects.create(study=kwargs["participant"].study, **kwargs)


def make_payment(**kwargs: Any) -> Payment:
    kwargs["participant"] = kwargs.get("participant") or make_participant()
    kwargs.setdefault("currency", "USD")
    return Payment.objects.create(**kwargs)


def make_assignment(**kwargs: Any) -> Assignment:
    """Answered, if a `judgment` is given."""
    kwargs["arm"] = kwargs.get("arm") or make_arm()
    kwargs["participant"] = kwargs.get("participant") or make_participant(study=kwargs["arm"].study)
    judgment = kwargs.get("judgment")
    kwargs["utterance"] = kwargs.get("utterance") or (judgment.utterance if judgment else make_utterance(speaker=kwargs["arm"].speaker))
    kwargs.setdefault("position", next(_numbers))
    kwargs.setdefault("answered_at", timezone.now() if judgment else None)
    return Assignment.objects.create(question=kwargs["utterance"].question, **kwargs)


def make_open_study(*, questions: int = 12, arms: int = 2, right: bool = True, wanted: int = 20, **kwargs: Any) -> Study:
    """Open, of so many arms that all answer the same questions; the first arm's answers are `right`, the others' the opposite."""
    number = next(_numbers)
    kwargs.setdefault("name", f"study-{number}")
    kwargs.setdefault("title", "Trivia: which answers would you trust?")
    kwargs.setdefault("state", Study.State.OPEN)
    kwargs["protocol"] = {"rounds": kwargs.pop("rounds", 10)} | kwargs.get("protocol", {})
    kwargs.setdefault("listener", None)
    kwargs["listener"] = kwargs["listener"] or make_listener(kind=Listener.Kind.HUMAN, name=f"people-{number}", threshold=0.5)
    study = Study.objects.create(**kwargs)
    asked = [make_question() for _ in range(questions)]
    for position in range(1, arms + 1):
        arm = study.arms.create(name=f"arm-{position}", speaker=make_speaker(), position=position)
        answer = "Paris" if right == (position == 1) else "Lyon"
        for question in asked:
            utterance = make_utterance(speaker=arm.speaker, question=question, answer=answer)
            arm.shown.create(question=question, utterance=utterance, wanted=wanted)
    return study


def make_session(*, study: Study, verdicts: Sequence[bool] = (), **kwargs: Any) -> Participant:
    """Has entered the study, and answered the first rounds with these verdicts."""
    from annotations.participant import flow

    person = flow.enter(study=study, code=participant_code(), **kwargs)
    for position, accepted in enumerate(verdicts, start=1):
        flow.current(person)
        flow.answer(participant=person, position=position, accepted=accepted)
    return person
