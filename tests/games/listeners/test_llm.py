"""The model listener reads yes against no at the next token, and batching changes nothing."""

from pathlib import Path

import pytest

from games.listeners import load
from games.listeners.base import Heard, ListenerError
from games.listeners.llm import EXAMPLES, LLMListener, prompt

HEARD = [
    Heard("Who?", "[ANSWER REMOVED]."),
    Heard("What is the capital of France?", "It's [ANSWER REMOVED]. I'm certain of it."),
    Heard("Why?", ""),
    Heard("Where on earth is that?", "[ANSWER REMOVED], but that's just a guess, and not a very good one."),
]


@pytest.fixture(scope="module")
def listener(tiny_model: Path) -> LLMListener:
    import torch

    torch.set_num_threads(1)
    return LLMListener({"model": str(tiny_model)})


def test_the_prompt_has_two_examples_and_ends_before_the_verdict() -> None:
    text = prompt(Heard("Who?", "[ANSWER REMOVED],\nmaybe."))
    assert [said for _, _, said in EXAMPLES] == ["yes", "no"]
    assert text.endswith("Question: Who?\nReply: [ANSWER REMOVED], maybe.\nRely on it:")


@pytest.mark.slow
def test_the_probability_is_that_of_yes_against_no_at_the_next_token(listener: LLMListener) -> None:
    import torch

    verdict = listener.judge(HEARD[:1])[0]
    ids = torch.tensor([listener._tokenizer(prompt(HEARD[0]))["input_ids"]])
    logits = listener._model(ids).logits[0, -1]
    probabilities = logits.softmax(0)
    yes, no = (probabilities[tokens].sum().item() for tokens in listener._words)
    assert verdict.probability == pytest.approx(yes / (yes + no), abs=1e-5)


@pytest.mark.slow
def test_the_tokens_are_those_of_yes_and_no(listener: LLMListener) -> None:
    listener.judge([])
    yes, no = ([listener._tokenizer.decode([token]).strip().lower() for token in tokens] for tokens in listener._words)
    assert all("yes".startswith(word) for word in yes)
    assert all("no".startswith(word) for word in no)


@pytest.mark.slow
def test_a_verdict_does_not_depend_on_what_else_is_judged(listener: LLMListener) -> None:
    together = [verdict.probability for verdict in listener.judge(HEARD)]
    alone = [listener.judge([one])[0].probability for one in HEARD]
    assert together == pytest.approx(alone, abs=1e-5)


@pytest.mark.slow
def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_dropped(listener: LLMListener, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    expected = [verdict.probability for verdict in listener.judge(HEARD)]
    ask = listener._ask

    def cramped(prompts: list[str]) -> list[float]:
        if len(prompts) > 1:
            raise torch.cuda.OutOfMemoryError("too much")
        return ask(prompts)

    monkeypatch.setattr(listener, "_ask", cramped)
    assert [verdict.probability for verdict in listener.judge(HEARD)] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [({}, "has no model"), ({"model": "x", "colour": "red"}, "knows no setting colour")],
)
def test_it_says_what_is_wrong_with_its_configuration(config: dict[str, str], complaint: str) -> None:
    with pytest.raises(ListenerError, match=complaint):
        load("llm", config)


@pytest.mark.slow
def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ListenerError, match="cannot be loaded"):
        LLMListener({"model": str(tmp_path)}).judge(HEARD)
