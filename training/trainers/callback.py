"""The bridge from Transformers' training loop to the folder: progress, sealed checkpoints, stopping. Imports transformers: for trainers only."""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.trainers.base import Stopping
from training.trainers.folder import Folder
from training.trainers.looking import Look, guarded

NAMES = {
    "loss": "loss",
    "rewards/margins": "margin",
    "rewards/accuracies": "accuracy",
    "mean_token_accuracy": "token_accuracy",
    "reward": "reward",
    "kl": "kl",
    "learning_rate": "lr",
    "eval_loss": "eval_loss",
    "eval_rewards/margins": "eval_margin",
    "eval_rewards/accuracies": "eval_accuracy",
}
"TRL's names of what it logs → ours in `progress.jsonl`."


class FolderCallback(TrainerCallback):
    def __init__(self, folder: Folder, stopping: Stopping, look: Look | None = None) -> None:
        self.folder, self.stopping, self.look = folder, stopping, look
        self.stopped = False
        self.began = time.monotonic()
        self.before = max((line["seconds"] for line in folder.progress()), default=0.0)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **_: Any) -> None:
        found = {NAMES[name]: float(value) for name, value in (logs or {}).items() if name in NAMES}
        if "loss" in found or "eval_loss" in found:
            self._add(state, found)

    def _add(self, state: TrainerState, found: dict[str, Any]) -> None:
        seconds = round(self.before + time.monotonic() - self.began, 2)
        self.folder.add_progress(step=state.global_step, total=state.max_steps, **found, seconds=seconds)

    def _look(self, state: TrainerState, model: Any) -> None:
        """Its time is not counted as training's. Comes before the checkpoint is sealed, so that a resumed run has each look once."""
        if self.look is None or not state.is_world_process_zero:
            return
        begin = time.monotonic()
        found = guarded(self.look, model)
        self.began += time.monotonic() - begin
        if found is None:
            self.look = None
        elif found:
            self._add(state, found)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any) -> None:
        if not self.folder.progress():
            self._look(state, model)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any) -> None:
        if state.global_step % args.save_steps == 0 or state.global_step >= state.max_steps:
            self._look(state, model)
        if state.global_step >= state.max_steps:
            # The weights are about to be written as the result; a checkpoint of the last step would make a resumed run train a step too many.
            control.should_save = False
        elif self.stopping:
            self.stopped = control.should_save = control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.folder.seal(state.global_step)
