"""A model's reason is its findings one after the other; on a page each has a line of its own."""

from __future__ import annotations

import re

_GOES_ON = (
    "At the present pace", "Counted at", "Mend the data first", "Retraining ", "A harder ", "Cannot tell whether",
    "No worse than the reference", "Not diagnosed:",
)  # fmt: skip
"""Sentences that belong to the finding before them, as does a count of what could not be tested."""


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


def findings(reason: str) -> list[str]:
    """The findings of a reason, gravest first."""
    out: list[str] = []
    for sentence in re.split(r"(?<=\.) (?=\S)", " ".join(reason.split())):
        if out and (sentence.startswith(_GOES_ON) or " could not be tested" in sentence):
            out[-1] += f" {sentence}"
        elif sentence:
            out.append(sentence)
    return out


def first(reason: str) -> str:
    """The gravest finding."""
    return next(iter(findings(reason)), "")
