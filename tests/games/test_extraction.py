"""A model can be asked which answer a text gives, as in LACIE."""

import pytest

from games.extraction import EXAMPLES, extract_with_model


@pytest.mark.parametrize(
    ("completion", "answer"),
    [(" Paris\n\nQuestion: more", "Paris"), (" NONE", None), ("none\n", None), ("", None), (' "Paris".', "Paris")],
)
def test_it_takes_the_first_line_of_what_the_model_says(completion: str, answer: str | None) -> None:
    assert extract_with_model("It may well be Paris.", question="Capital?", complete=lambda _: completion).answer == answer


def test_the_model_sees_three_examples_then_this_question_and_text() -> None:
    prompts: list[str] = []
    extract_with_model("It may\nwell be Paris.", question="Capital?", complete=lambda prompt: prompts.append(prompt) or "Paris")
    assert len(EXAMPLES) == 3
    assert all(question in prompts[0] for question, _, _ in EXAMPLES)
    assert prompts[0].endswith("Question: Capital?\nResponse: It may well be Paris.\nAnswer:")
