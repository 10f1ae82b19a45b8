#!/usr/bin/env bash
# One turn of the loop with the bundled world, on two cores, in about ten minutes: what `make demo` does, as commands.
# Needs `make install`. Interrupted, it goes on where it was.
set -euo pipefail
cd "$(dirname "$0")/.."
manage() { .venv/bin/python manage.py "$@"; }
SEED=${SEED:-0}
OUT=${DATA_DIR:-data}

manage migrate --verbosity 0
manage load_questions bundled

# The base speaker answers the training questions, ten samples each; the lexicon judges.
manage play_game --speaker base --listener lexicon --seed "$SEED"

# LACIE's rule on pairs of two right or two wrong answers, so that the tone is what differs (docs/decisions/0046-of-a-wrong-answer-the-tone.md); and the baseline's rule.
manage build_pairs truthful --rule truthful --speaker base --listener lexicon --threshold 0.66 --max-per-type 6000
manage build_pairs lacie --rule lacie --speaker base --listener lexicon --threshold 0.66 --match grade --margin 0.5

manage train_speaker truthful --base base --pairs truthful --name truthful --seed "$SEED"
manage train_speaker lacie --base base --pairs lacie --name lacie --seed "$SEED"

# On subjects that nothing was trained on.
manage compare_speakers base truthful lacie --split test --seed "$SEED" --json "$OUT/comparison.json" --html "$OUT/report"

# Now people: blind, half of the answers from each.
manage open_study trivia --speakers base lacie --seed "$SEED"
