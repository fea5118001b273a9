"""Inputs that moved, and inputs that are broken: the second is mended before anybody retrains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from monitoring.core.diagnosis.cells import Cut
from monitoring.core.diagnosis.interval import Codes, Floats

MOVED = 0.1
"""Total variation distance below which a feature has not moved, however sure that is."""
SPLITS = 50
EXPLODED = 0.2
"""Rise of a feature's missing share that is a broken input by itself."""
ODD, HALF = 0.05, 0.5
"""Share of impossible or unseen values that counts, and the part of the drop that their rows must bring."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A feature that moved: total variation distance (0 to 1), what chance gives, and from what to what."""

    feature: str
    distance: float
    chance: float
    words: str


@dataclass(frozen=True, slots=True)
class Broken:
    """An input that is broken, and how."""

    feature: str
    words: str


def moved(
    cuts: Sequence[Cut], then: pd.DataFrame, now: pd.DataFrame, codes: Codes, codes_now: Codes, seed: int
) -> tuple[Moved, ...]:  # fmt: skip
    """Features that moved by more than parts of the reference differ among themselves, most first.

    `chance` is the largest of some splits of the reference's days in two, of as many days as there are now at most.
    """
    random = np.random.default_rng(seed)
    count = int(codes.max()) + 1
    size = max(1, min(int(codes_now.max()) + 1, count // 2))
    halves = [np.isin(codes, random.permutation(count)[:size]) for _ in range(SPLITS)]
    out = []
    for one in cuts:
        k = len(one.names)
        distance = _distance(one.then, one.now, k)
        chance = max((_distance(one.then[h], one.then[~h], k) for h in halves if h.any() and (~h).any()), default=1.0)
        if distance >= MOVED and distance > chance:
            out.append(Moved(one.feature, distance, chance, _words(then[one.feature], now[one.feature], one)))
    return tuple(sorted(out, key=lambda m: -m.distance))


def broken(then: pd.DataFrame, now: pd.DataFrame, features: Sequence[str], losses: Floats, drop: float) -> list[Broken]:
    """Inputs that are broken: missing values exploded, or values that cannot be bring half of the drop or more.

    A value cannot be when it lies farther outside the reference's range than that range is wide (a sentinel, another
    unit), or is a category that the reference never held. Such values may also be a new season or a new customer:
    they count only where their rows bring the drop.
    """
    out = []
    for name in features:
        before, after = then[name], now[name]
        rise = float(after.isna().mean() - before.isna().mean())
        if rise >= EXPLODED:
            out.append(
                Broken(name, f"missing in {after.isna().mean():.0%} of the rows, {before.isna().mean():.0%} then")
            )
            continue
        odd, words = _odd(before, after)
        if odd.mean() < ODD or drop <= 0:
            continue
        rest = float(losses[~odd].mean()) if odd.mean() < 1 - ODD else float(losses.mean()) - drop
        brought = float(odd.mean()) * (float(losses[odd].mean()) - rest)
        if brought >= HALF * drop:
            out.append(
                Broken(name, f"{words} in {odd.mean():.0%} of the rows, which bring {brought / drop:.0%} of the drop")
            )
    return out


def _odd(before: pd.Series, after: pd.Series) -> tuple[npt.NDArray[np.bool_], str]:
    """Rows whose value cannot be, and what it is."""
    if pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(after):
        known = before[np.isfinite(before)]
        if known.empty:
            return np.zeros(len(after), dtype=bool), ""
        low, high = float(known.min()), float(known.max())
        far = (after < low - (high - low)) | (after > high + (high - low))
        values = after[far]
        middle = f" (such as {values.median():.4g})" if len(values) else ""
        return far.to_numpy(dtype=bool), f"values far outside {low:.4g} to {high:.4g}{middle}"
    unseen = after.notna() & ~after.isin(before.dropna().unique())
    common = after[unseen].value_counts()
    such = f" (such as {common.index[0]})" if len(common) else ""
    return unseen.to_numpy(dtype=bool), f"categories never seen in the reference{such}"


def _distance(some: npt.NDArray[np.int64], others: npt.NDArray[np.int64], size: int) -> float:
    """Total variation between two sets of cell numbers."""
    a, b = (
        np.bincount(some, minlength=size) / max(len(some), 1),
        np.bincount(others, minlength=size) / max(len(others), 1),
    )
    return float(np.abs(a - b).sum() / 2)


def _words(then: pd.Series, now: pd.Series, one: Cut) -> str:
    """What moved: the missing share, the median, or the category that gained or lost most."""
    gone = float(now.isna().mean() - then.isna().mean())
    if abs(gone) >= MOVED:
        return f"missing {then.isna().mean():.0%} → {now.isna().mean():.0%}"
    if pd.api.types.is_numeric_dtype(then):
        return f"median {then.median():.4g} → {now.median():.4g}"
    k = len(one.names)
    a, b = np.bincount(one.then, minlength=k) / len(one.then), np.bincount(one.now, minlength=k) / len(one.now)
    most = int(np.abs(b - a).argmax())
    return f"{one.names[most]} {a[most]:.1%} → {b[most]:.1%}"
