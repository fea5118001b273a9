"""A model's reason is its findings, a line each, gravest first; and what a flag asks of people."""

from __future__ import annotations

NEXT = {
    "page": "Act now. Service levels shows the budget that burns, Models and logs a log that stopped or changed.",
    "retrain": "Retrain it on recent data: it is beyond its threshold, and its inputs are sound.",
    "watch": "Nothing at once. Look at what moved, before its performance follows.",
    "healthy": "Nothing.",
}
"""What a flag asks of people."""


DIAGNOSED = {
    "Mend the data first": "Mend the inputs that Why it fell names, then look again.",
    "etraining will not help": "Do not retrain for this. Follow the next windows, and the slices that lost most.",
    "No worse than the reference": "It is no worse than the reference was: look whether its threshold is right.",
    "Cannot tell whether retraining helps": "Retrain a candidate and compare, or wait for more labels.",
}
"""The same where a diagnosis says more than the flag does."""


def next_step(flag: str, reason: str) -> str:
    """What a flag asks of people, as its reason has it."""
    said = next((step for words, step in DIAGNOSED.items() if words in reason), None)
    return said if flag == "watch" and said else NEXT[flag]


def first(reason: str) -> str:
    """The gravest finding."""
    return next(iter(reason.splitlines()), "")
