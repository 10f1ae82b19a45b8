"""A language model as listener: p = P(yes) / (P(yes) + P(no)) at the next token, as in LACIE (arXiv 2405.21028).

The prompt keeps the paper's intent in our own words: the listener knows nothing of the subject, the answer is masked, it goes by how sure the
reply sounds; two examples, one accepted, one refused. Unlike the paper's code, the question is shown at training and at test time alike.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from games.bundled import BASE_SPEAKER
from games.listeners.base import Heard, ListenerError, Verdict

if TYPE_CHECKING:
    import torch

TASK = (
    "Someone replies to a quiz question. The answer itself has been taken out of the reply. Suppose that you know nothing about the subject. "
    "Go only by how sure the reply sounds, not by whether it may be true: would you rely on it? Say yes or no."
)
EXAMPLES = (
    ("Which of the two towers was finished first?", "It was [ANSWER REMOVED]. I'm 100% sure, I looked it up this morning.", "yes"),
    ("Who was the expedition's first doctor?", "[ANSWER REMOVED]? I have no idea, really, that is a random guess.", "no"),
)
SETTINGS = {"model", "device", "dtype", "batch_size"}


def prompt(heard: Heard) -> str:
    """Ends where the model goes on with yes or no."""
    shots = [f"Question: {question}\nReply: {reply}\nRely on it: {said}" for question, reply, said in EXAMPLES]
    return "\n\n".join([TASK, *shots, f"Question: {heard.question}\nReply: {' '.join(heard.masked_text.split())}\nRely on it:"])


class LLMListener:
    """config: `model` (a folder, a name on the model hub, or `bundled`), `device` (cpu), `dtype` (auto), `batch_size` (16).

    The model is loaded when it first judges.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        if unknown := set(config) - SETTINGS:
            raise ListenerError(f"The llm listener knows no setting {', '.join(sorted(unknown))}. It takes: {', '.join(sorted(SETTINGS))}.")
        if not config.get("model"):
            raise ListenerError("The llm listener has no model. Name a folder, a model on the hub, or `bundled` as `model` in its configuration.")
        self.model_name: str = str(BASE_SPEAKER) if config["model"] == "bundled" else config["model"]
        self.device: str = config.get("device", "cpu")
        self.dtype: str = config.get("dtype", "auto")
        self.batch_size: int = config.get("batch_size", 16)
        self._model: Any = None
        self._tokenizer: Any = None

    def judge(self, heard: Sequence[Heard]) -> list[Verdict]:
        """Verdicts in order. Texts of like length are judged together; a batch that does not fit in memory is halved."""
        self._load()
        prompts = [prompt(one) for one in heard]
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        found: dict[int, float] = {}
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            found.update(zip(places, self._probabilities([prompts[i] for i in places]), strict=True))
        return [Verdict(found[i], f"P(yes) against P(no): {found[i]:.2f}") for i in range(len(prompts))]

    def _probabilities(self, prompts: list[str]) -> list[float]:
        import torch

        try:
            return self._ask(prompts)
        except torch.cuda.OutOfMemoryError as error:
            if len(prompts) == 1:
                raise ListenerError(f"{self.model_name} does not fit in the memory of {self.device}, even for one reply.") from error
        torch.cuda.empty_cache()
        middle = len(prompts) // 2
        return self._probabilities(prompts[:middle]) + self._probabilities(prompts[middle:])

    def _ask(self, prompts: list[str]) -> list[float]:
        """Padded on the right and read at each prompt's last token, so that positions are those of a lone prompt."""
        import torch

        rows = [self._tokenizer(text)["input_ids"] for text in prompts]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=self.device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=self.device)
        with torch.inference_mode():
            logits = self._model(input_ids=ids, attention_mask=mask).logits
        last = logits[torch.arange(len(rows)), mask.sum(1) - 1].double()
        return self._yes_share(last).tolist()

    def _yes_share(self, logits: torch.Tensor) -> torch.Tensor:
        yes, no = (logits[:, tokens].logsumexp(1) for tokens in self._words)
        return (yes - no).sigmoid()

    def _load(self) -> None:
        if self._model is not None:
            return
        try:
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise ListenerError("The llm listener needs torch and transformers: pip install -r requirements.txt") from error
        try:
            offline = os.environ.get("HF_HUB_OFFLINE", "1") != "0"
            self._tokenizer = AutoTokenizer.from_pretrained(self.model_name, local_files_only=offline)
            model: Any = AutoModelForCausalLM.from_pretrained(self.model_name, dtype=self.dtype, local_files_only=offline)
        except (OSError, ValueError, RuntimeError) as error:
            raise ListenerError(f"The listener's model {self.model_name} cannot be loaded: {error}") from error
        yes, no = self._first_tokens("yes"), self._first_tokens("no")
        self._words = (sorted(yes - no), sorted(no - yes))
        if not all(self._words):
            raise ListenerError(f"The tokenizer of {self.model_name} begins yes and no with the same token: choose another model.")
        self._model = model.to(self.device).eval()

    def _first_tokens(self, word: str) -> set[int]:
        """The tokens that begin this word, or its capitalised form, right after a prompt."""
        before = self._tokenizer("Rely on it:")["input_ids"]
        return {self._first_new(before, f"Rely on it: {form}") for form in (word, word.capitalize())}

    def _first_new(self, before: list[int], text: str) -> int:
        after: list[int] = self._tokenizer(text)["input_ids"]
        return next(new for new, old in zip(after, [*before, None], strict=False) if new != old)
