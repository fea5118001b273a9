"""The slices that lost most and the features that moved, of a diagnosis."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from monitoring.core.diagnosis.diagnosis import Diagnosis
from monitoring.web import pieces, tables

RISES = {
    "roc_auc": "Share of rows of the other class on the wrong side of a row's score: their mean is 1 - ROC AUC.",
    "accuracy": "Share of wrong answers.",
    "rmse": "Mean squared error.",
}
"""What a slice's loss is, where it is not the metric itself."""


def slices(key: str, found: Diagnosis) -> None:
    """Those that lost more than the rest."""
    st.subheader("Slices that lost most")
    if not found.slices:
        st.caption("None lost more than the rest by more than chance gives." if found.compared else "Not known.")
        return
    frame = pd.DataFrame(
        {
            "slice": [s.name for s in found.slices],
            "share": [100 * s.share for s in found.slices],
            "rows": [s.rows for s in found.slices],
            "then": [None if s.new else s.then for s in found.slices],
            "now": [s.now for s in found.slices],
            "brought": [s.contribution.value for s in found.slices],
            "interval": [f"{s.contribution.lower:+.3g} to {s.contribution.upper:+.3g}" for s in found.slices],
            "p": [s.p_value for s in found.slices],
        }
    )
    column = st.column_config
    loss = RISES.get(found.about.metric.name, f"{found.about.metric.title} of its rows.")
    st.dataframe(
        frame, key="worst_slices", hide_index=True, height=tables.height(len(frame)), placeholder="hardly there",
        alt=f"{len(frame)} slices that lost more than the rest, the largest share of the drop first",
        column_config={
            "slice": column.TextColumn("Slice", width=230, pinned=True),
            "share": column.NumberColumn("Share", format="%.0f%%", width=70, help="Of these windows' rows"),
            "rows": column.NumberColumn("Rows", format="localized", width=75, help="Rows of the sample"),
            "then": column.NumberColumn("Loss then", format="%.3g", width=90, help=f"In the reference. {loss}"),
            "now": column.NumberColumn("Loss now", format="%.3g", width=90, help=loss),
            "brought": column.NumberColumn("Brought", format="%.3g", width=85, help="Share × rise"),
            "interval": column.TextColumn("95 %", width=140),
            "p": column.NumberColumn("p", format="%.1g", width=75, help="Corrected for all slices looked at (Holm)"),
        },
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Slices and pairs of slices may overlap, so that their parts do not add up.")
        pieces.download(lambda: frame.to_csv(index=False), f"{key}-worst-slices", "slices_csv", type="tertiary")


def features(found: Diagnosis) -> None:
    """Those that moved by more than the reference's own days differ."""
    st.subheader("Features that moved")
    if not found.moved:
        st.caption("None by more than the reference's own days differ." if found.compared else "Not known.")
        return
    frame = pd.DataFrame(
        {
            "feature": [m.feature for m in found.moved],
            "words": [m.words for m in found.moved],
            "distance": [m.distance for m in found.moved],
            "chance": [m.chance for m in found.moved],
        }
    )
    column = st.column_config
    st.dataframe(
        frame, key="moved_features", hide_index=True, height=tables.height(len(frame)),
        alt=f"{len(frame)} features that moved, most first",
        column_config={
            "feature": column.TextColumn("Feature", width=180, pinned=True),
            "words": column.TextColumn("From what to what", width=300),
            "distance": column.NumberColumn("Distance", format="%.2f", width=85, help="Total variation, 0 to 1"),
            "chance": column.NumberColumn(
                "Chance", format="%.2f", width=80, help="The largest distance of two parts of the reference"
            ),
        },
    )  # fmt: skip
