"""A causal language model on this machine, by Transformers: base weights, and a LoRA adapter where the speaker has one.

`base_model` is `bundled`, a folder, or a name on the model hub (taken from the hub's cache here; with HF_HUB_OFFLINE=0 also downloaded).
Settings: temperature, top_p, top_k, max_new_tokens; device (auto: CUDA where there is one), dtype (auto: bfloat16 on CUDA, else float32),
four_bit (needs CUDA and bitsandbytes); state (off, number or phrase: how it tells its judge's probability, where it was calibration-tuned).
"""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from games.bundled import BASE_SPEAKER
from games.prompts import STYLES
from games.speakers.base import Generation, OutOfMemory, Response, SpeakerError
from games.speakers.stating import stating

if TYPE_CHECKING:
    from games.speakers import Spec
    from games.speakers.sampling import Sampled

Found = TypeVar("Found")
SETTINGS = {"temperature", "top_p", "top_k", "max_new_tokens", "device", "dtype", "four_bit", "state"}
NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")
"""In the messages of CUDA's and the CPU's allocators."""
NEXT_ROUND = "\nQuestion:"
"""A base model that was not taught to end goes on with a question of its own: what it says from there on is no response."""


class LocalSpeaker:
    def __init__(self, spec: Spec, loaded: tuple[Any, Any] | None = None) -> None:
        """`loaded`: model and tokenizer where they are in memory already, as in a trainer."""
        if unknown := set(spec.generation) - SETTINGS:
            raise SpeakerError(f"A local speaker knows no setting {', '.join(sorted(unknown))}. It takes: {', '.join(sorted(SETTINGS))}.")
        if spec.prompt_style not in STYLES:
            raise SpeakerError(f"Unknown prompt style {spec.prompt_style!r}. Choose one of: {', '.join(STYLES)}.")
        if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")):
            raise SpeakerError("A local speaker needs torch and transformers: pip install -r requirements.txt")
        self.stating = stating(spec)
        self.style = spec.prompt_style
        self.name = spec.base_model
        self.adapter = spec.adapter
        try:
            self.model, self.tokenizer = loaded or _load(spec)
        except (RuntimeError, MemoryError) as error:
            raise _for_people(error, f"{spec.base_model} does not fit in memory. Choose a smaller model, or four_bit on a GPU.") from error
        ends = self.model.generation_config.eos_token_id
        self.ends: set[int] = {*(ends if isinstance(ends, list) else [ends]), self.tokenizer.eos_token_id} - {None}

    def respond(self, questions: Sequence[str], generation: Generation) -> list[list[Response]]:
        """All samples of a question are drawn in one batch, from random numbers of the question's own: what else is asked changes nothing.

        (But for rounding: sums in another order differ in the last bit, and once in some hundred thousand tokens that decides.)
        """
        if not questions:
            return []
        prompts = [self._tokens(question) for question in questions]
        self._refuse_too_long(prompts, questions, generation)
        drawn = 1 if generation.temperature == 0 else generation.samples
        try:
            numbers = np.stack([_numbers(question, replace(generation, samples=drawn)) for question in questions])
            found = self._sample(prompts, numbers, generation)
        except (RuntimeError, MemoryError) as error:
            raise _for_people(error, f"{len(prompts)} questions × {drawn} samples do not fit in memory.") from error
        said = [[self._response(one) for one in row] * (generation.samples // drawn) for row in found]
        return self.stating.restate(self, questions, said) if self.stating else said

    def _sample(self, prompts: list[list[int]], numbers: np.ndarray[Any, Any], generation: Generation) -> list[list[Sampled]]:
        import torch

        from games.speakers.sampling import sample

        return sample(self.model, prompts, torch.from_numpy(numbers), generation, self.ends)

    # What it thinks of texts that it is given

    def choose(self, prompts: Sequence[str], options: Sequence[str]) -> np.ndarray[Any, Any]:
        """How likely each option comes next after each prompt, among the options alone: (prompts, options), each row sums to 1.

        An option stands for its first token.

        Raises:
            SpeakerError: two options begin with the same token.
            OutOfMemory: not even one prompt fits.
        """
        from games.speakers.scoring import in_pieces, next_token

        tokens = self._first_tokens(options)
        asked = [self._prompt(text) for text in prompts]
        found = in_pieces(asked, lambda piece: self._guarded(lambda: next_token(self.model, piece, tokens), len(piece)))
        return np.array(found, dtype=float).reshape(len(asked), len(options))

    def log_probabilities(self, prompts: Sequence[str], texts: Sequence[str], spans: Sequence[tuple[int, int]] | None = None) -> list[float]:
        """Of each text after its prompt, in nats at temperature 1: the sum over its tokens, or over those that touch its span of characters."""
        from games.speakers.scoring import in_pieces, log_probabilities

        rows = [self._marked(*row) for row in zip(prompts, texts, spans or [(0, len(text)) for text in texts], strict=True)]
        return in_pieces(rows, lambda piece: self._guarded(lambda: log_probabilities(self.model, piece), len(piece)), size=16)

    def features(self, prompts: Sequence[str], texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """The last layer at the last token of each text after its prompt: (texts, width)."""
        from games.speakers.scoring import features, in_pieces

        rows = [self._marked(prompt, text, (0, 0))[0] for prompt, text in zip(prompts, texts, strict=True)]
        return np.array(in_pieces(rows, lambda piece: self._guarded(lambda: features(self.model, piece), len(piece))), dtype=np.float32)

    def _guarded(self, call: Callable[[], list[Found]], count: int) -> list[Found]:
        try:
            return call()
        except (RuntimeError, MemoryError) as error:
            raise _for_people(error, f"{count} texts do not fit in memory.") from error

    def _first_tokens(self, options: Sequence[str]) -> list[int]:
        """Of each option as it follows a prompt. Tokenised together with one: some tokenizers put a mark of their own before a lone word."""
        prompt = "Response:" if not self.chats else ""
        before = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        first = []
        for option in options:
            ids = self.tokenizer(f"{prompt} {option}" if prompt else option, add_special_tokens=False)["input_ids"]
            first.append(ids[len(before)] if ids[: len(before)] == before and len(ids) > len(before) else ids[-1])
        if len(set(first)) < len(first):
            raise SpeakerError(f"{self.name} cannot choose between {' and '.join(options)}: in its vocabulary two of them begin alike.")
        return first

    def _marked(self, prompt: str, text: str, span: tuple[int, int]) -> tuple[list[int], list[int]]:
        """The tokens of prompt and text, and the places of those that touch the span of the text."""
        joined = self._asked(prompt) + (text if self.chats else f" {text}")
        start, end = (len(joined) - len(text) + place for place in span)
        coded = self.tokenizer(joined, add_special_tokens=not self.chats, return_offsets_mapping=True)
        return coded["input_ids"], [place for place, (low, high) in enumerate(coded["offset_mapping"]) if low < end and high > start]

    # Prompts

    @property
    def chats(self) -> bool:
        """Whether it is asked in its chat template: where it has one, but never in the plain style, which is none of a chat."""
        return self.style != "plain" and self.tokenizer.chat_template is not None

    def _asked(self, text: str) -> str:
        if not self.chats:
            return text
        asked: str = self.tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False)
        return asked

    def _tokens(self, question: str) -> list[int]:
        return self._prompt(STYLES[self.style](question))

    def _prompt(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(self._asked(text), add_special_tokens=not self.chats)["input_ids"]
        return ids

    def _refuse_too_long(self, prompts: list[list[int]], questions: Sequence[str], generation: Generation) -> None:
        limit = getattr(self.model.config, "max_position_embeddings", None)
        place = max(range(len(prompts)), key=lambda i: len(prompts[i]))
        if limit and len(prompts[place]) + generation.max_new_tokens > limit:
            raise SpeakerError(
                f"{self.name} takes {limit} tokens; the question {questions[place][:60]!r} has {len(prompts[place])} with its prompt, and "
                f"{generation.max_new_tokens} are wanted for the answer. Leave the question out, or lower max_new_tokens."
            )

    def _response(self, said: Sampled) -> Response:
        text: str = self.tokenizer.decode(said.tokens, skip_special_tokens=True)
        return Response(text.split(NEXT_ROUND)[0].strip(), len(said.tokens), said.log_probability)


def _numbers(question: str, generation: Generation) -> np.ndarray[Any, Any]:
    """(samples, new tokens) from [0, 1), by seed and question alone; more samples leave the first ones as they were."""
    key = hashlib.sha256(f"{generation.seed}/{question}".encode()).digest()
    return np.random.default_rng(list(key)).random((generation.samples, generation.max_new_tokens))


def _for_people(error: Exception, message: str) -> Exception:
    """An `OutOfMemory` with this message if the error is one of memory; else the error itself."""
    if not isinstance(error, MemoryError) and not any(words in str(error).lower() for words in NO_MEMORY):
        return error
    import torch

    error.__traceback__ = None  # its frames hold the tensors that did not fit
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return OutOfMemory(message)


def _load(spec: Spec) -> tuple[Any, Any]:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads: threads that spin while they wait cost a factor of six
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(min(torch.get_num_threads(), len(os.sched_getaffinity(0))))  # in a container torch counts the host's cores
    name, options = _name(spec.base_model), _options(spec.generation)
    offline = os.environ.get("HF_HUB_OFFLINE", "1") != "0"
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(name, local_files_only=offline)
        model: Any = AutoModelForCausalLM.from_pretrained(name, local_files_only=offline, **options)
    except (OSError, ValueError) as error:
        raise SpeakerError(_not_loaded(name, offline, error)) from error
    if "device_map" not in options:
        model = model.to(_device(spec.generation))
    if spec.adapter:
        model = _with_adapter(model, spec.adapter, merge="quantization_config" not in options)
    return model.eval(), tokenizer


def refuse_missing(name: str) -> None:
    """Without loading its weights.

    Raises:
        SpeakerError: there is no such model here.
    """
    from transformers import AutoConfig

    offline = os.environ.get("HF_HUB_OFFLINE", "1") != "0"
    try:
        AutoConfig.from_pretrained(_name(name), local_files_only=offline)
    except (OSError, ValueError) as error:
        raise SpeakerError(_not_loaded(name, offline, error)) from error


def _name(base_model: str) -> str:
    if base_model != "bundled":
        return base_model
    if not (BASE_SPEAKER / "config.json").exists():
        raise SpeakerError("The bundled base model is not there. Make it: manage.py pretrain_bundled_speaker")
    return str(BASE_SPEAKER)


def _device(settings: dict[str, Any]) -> str:
    import torch

    wanted: str = settings.get("device", "auto")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise SpeakerError(f"The speaker wants {wanted}, and torch finds no GPU here. Give it device auto or cpu, or play on a GPU machine.")
    return wanted


def _options(settings: dict[str, Any]) -> dict[str, Any]:
    """What `from_pretrained` gets: the precision, or four bits."""
    import torch

    device = _device(settings)
    wanted = settings.get("dtype", "auto")
    if wanted == "auto":
        wanted = "bfloat16" if device.startswith("cuda") else "float32"
    dtype = getattr(torch, wanted, None)
    if not isinstance(dtype, torch.dtype):
        raise SpeakerError(f"Unknown dtype {wanted!r}. Choose one of: auto, float32, bfloat16, float16.")
    if not settings.get("four_bit"):
        return {"dtype": dtype}
    if not device.startswith("cuda") or importlib.util.find_spec("bitsandbytes") is None:
        raise SpeakerError("four_bit needs a CUDA GPU and bitsandbytes: pip install bitsandbytes, or leave four_bit out.")
    from transformers import BitsAndBytesConfig

    four: Any = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
    )
    return {"dtype": dtype, "quantization_config": four, "device_map": {"": device}}


def _with_adapter(model: Any, folder: str, *, merge: bool) -> Any:
    """Merged into the weights where they are not quantised: as fast as the base then."""
    if (Path(folder) / "calibration.json").exists() and not (Path(folder) / "adapter_config.json").exists():
        return model  # a probe (`games.estimators.tuned`) leaves the weights as they are
    if not (Path(folder) / "adapter_config.json").exists():
        raise SpeakerError(f"There is no adapter in {folder}: adapter_config.json is missing. Publish the run again, or mend the speaker's row.")
    if importlib.util.find_spec("peft") is None:
        raise SpeakerError("A speaker with an adapter needs peft: pip install -r requirements.txt")
    from peft import PeftModel

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`", category=FutureWarning)  # peft asks by an old name
            adapted: Any = PeftModel.from_pretrained(model, folder)
    except (OSError, ValueError) as error:
        raise SpeakerError(f"The adapter in {folder} cannot be loaded: {str(error).splitlines()[0]}") from error
    return adapted.merge_and_unload() if merge else adapted


def _not_loaded(name: str, offline: bool, error: Exception) -> str:
    why = str(error).strip().splitlines()[0]
    if Path(name).is_dir():
        return f"The folder {name} holds no model that Transformers can load: {why}"
    hint = "HF_HUB_OFFLINE=0 lets it be downloaded." if offline else "Check the name and the network."
    return f"The model {name!r} is no folder here and not in the hub's cache. {hint} ({why})"
