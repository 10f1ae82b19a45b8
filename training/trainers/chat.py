"""Rows for models that were taught as chats: prompts and answers as turns, put in the template in which the game asks them (`games.speakers.local`).

A speaker is trained on just what it was asked and said; a template left out in training, or put in twice, is another prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Rows = list[dict[str, Any]]


def chatting(tokenizer: Any, style: str) -> bool:
    """Whether the speaker is asked in its chat template: where it has one, but never in the plain style, which is none of a chat."""
    return style != "plain" and tokenizer.chat_template is not None


def as_turns(rows: Rows, answers: Sequence[str]) -> Rows:
    """The rows with `prompt` and these columns as TRL takes a conversation; the space before an answer belongs to plain prompts.

    >>> as_turns([{"prompt": "Who?", "chosen": " Ada.", "pair": 7}], ["chosen"])
    [{'prompt': [{'role': 'user', 'content': 'Who?'}], 'chosen': [{'role': 'assistant', 'content': 'Ada.'}], 'pair': 7}]
    """
    return [
        {
            **row,
            "prompt": [{"role": "user", "content": row["prompt"]}],
            **{name: [{"role": "assistant", "content": row[name].strip()}] for name in answers},
        }
        for row in rows
    ]


def tokens(row: dict[str, Any], answer: str, tokenizer: Any) -> tuple[list[int], list[int]]:
    """Prompt and answer as the model sees them: token ids, and at which character each begins counted from the answer's first."""
    if isinstance(row["prompt"], str):
        text, begin = row["prompt"] + row[answer], len(row["prompt"])
    else:
        text = tokenizer.apply_chat_template(row["prompt"] + row[answer], tokenize=False)
        begin = text.rindex(row[answer][0]["content"])
    coded = tokenizer(text, add_special_tokens=isinstance(row["prompt"], str), return_offsets_mapping=True)
    return coded["input_ids"], [start - begin for start, _ in coded["offset_mapping"]]


def length(row: dict[str, Any], answer: str, tokenizer: Any) -> int:
    """Tokens of prompt and answer, the end token of a plain text included."""
    return len(tokens(row, answer, tokenizer)[0]) + isinstance(row["prompt"], str)
