"""The Versions page: what changed, two versions side by side, and a comparison asked for, made, failed and misread."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select, update

from monitoring.core.comparison.comparison import as_document, from_document
from monitoring.core.comparison.words import sentence, so_far
from monitoring.settings import load
from monitoring.store.database import connect, reading, transaction
from monitoring.store.queries.fleet import work
from monitoring.store.revisions import record
from monitoring.store.tables import AuditRow, ModelRow, RequestRow
from monitoring.worker import answer
from tests.clock import PRESENT
from tests.core.test_comparison import BETTER, judged
from tests.pages.conftest import Run, Written

PAGE = "release/versions.py"


def change(url: str, act: Callable[[Any], object]) -> None:
    store = connect(url)
    with transaction(store) as session:
        act(session)
    store.dispose()


def made(url: str) -> RequestRow:
    """What the worker answered to the newest request."""
    store = connect(url)
    answer(store, load(), lambda: PRESENT)
    with reading(store) as session:
        row = session.scalars(select(RequestRow).order_by(RequestRow.id.desc())).first()
    store.dispose()
    assert row is not None
    return row


def test_without_a_model_it_says_what_changed_in_the_fleet(empty_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE)
    assert not at.exception
    assert "Nothing changed in the fleet in this range" in written(at)
    assert "Choose a model above" in written(at).replace("\\", "")


def test_versions_thresholds_and_references_are_listed_newest_first(
    small_store: str, run_page: Run, written: Written
) -> None:
    present = PRESENT
    limit = [{"check": "performance.roc_auc", "breached": 0.6}]

    def act(session: Any) -> None:
        record(session, "model", "delays", [], limit, "ann", present - timedelta(hours=3), "too *noisy*")
        record(session, "model", "delays", limit, [], "bob", present - timedelta(hours=2), "no need")
        detail = {"from": "2026-03-02T00:00:00", "to": "2026-03-04T00:00:00"}
        audit = dict(actor="cli:ann", action="model re-baselined", subject="delays", detail=detail)
        session.add(AuditRow(at=present - timedelta(hours=1), **audit))

    change(small_store, act)
    at = run_page(PAGE, model="delays", range="30d")
    assert not at.exception
    table = next(d.value for d in at.dataframe if "words" in d.value)
    assert [k for k in table["kind"] if k != "version"] == ["reference", "thresholds"]
    assert table["words"][0] == "reference frozen anew on 2026-03-02 to 2026-03-04"
    assert table["words"][1] == "performance.roc_auc: removed (breached 0.6)" and table["reason"][1] == "no need"
    changed = list(table["words"][2:])  # v2 came within a day: whether it had most of that day's rows hangs on the hour
    assert any(words.startswith("v2 answered first") for words in changed)
    assert "v1 answered last the day before" in changed
    drawn = next(c.proto.alt for c in at.get("plotly_chart") if "Changed:" in c.proto.alt)
    assert "v2 from" in drawn and "reference from" in drawn and "thresholds from" in drawn and "ends" not in drawn
    every = run_page(PAGE, range="30d")
    assert "model" in next(d.value for d in every.dataframe if "words" in d.value)
    only = run_page(PAGE, model="delays", range="30d", kind="thresholds")
    assert set(next(d.value for d in only.dataframe if "words" in d.value)["kind"]) == {"thresholds"}


def test_two_versions_stand_side_by_side_and_say_that_they_share_no_time(
    small_store: str, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert (at.selectbox(key="champion").value, at.selectbox(key="challenger").value) == ("v1", "v2")
    assert "hardly any of them in common" in written(at)
    figures = {m.label: m for m in at.metric}
    assert {"ROC AUC", "Predictions differ by", "Latency, 99 % within", "Rows"} <= set(figures)
    assert "against v1" in figures["ROC AUC"].delta and figures["Latency, 99 % within"].value.endswith(" ms")
    table = next(d.value for d in at.dataframe if "first_ends" in d.value)
    assert {"ROC AUC", "Brier score", "Accuracy", "Calibration slope"} <= set(table["metric"])
    alts = [c.proto.alt for c in at.get("plotly_chart")]
    assert "ROC AUC of v1 and v2 by slice" in alts and "How v1 and v2 answered" in alts
    assert "Kolmogorov" in written(at) and "Population stability index" in written(at)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"model": "eta"}, "There are no two versions to compare"),
        ({"model": "new"}, "has not been evaluated yet"),
        ({"model": "gone"}, "has not been evaluated yet"),
        ({"model": "delays", "champion": "v2", "challenger": "v2"}, "Choose two different ones"),
        ({"model": "delays", "range": "1h"}, "Not both of v1 and v2 answered"),
    ],
)
def test_what_cannot_be_compared_says_the_next_step(
    query: dict[str, str], said: str, small_store: str, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE, **query)
    assert not at.exception
    assert said in written(at).replace("\\", "")


def test_a_comparison_is_asked_for_once_made_by_the_worker_and_told(
    small_store: str, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE, model="delays")
    assert "No comparison was made yet" in written(at)
    at.button(key="compare").click().run()
    assert "asked to compare" in at.toast[0].value
    at.button(key="compare").click().run()
    assert "asked for already" in at.toast[0].value
    row = made(small_store)
    assert row.state == "done", row.message
    found = from_document(json.loads(row.result))
    assert (found.about.champion, found.about.challenger, found.about.pairing) == ("v1", "v2", "none")
    at = run_page(PAGE, model="delays")
    assert not at.exception
    text = written(at).replace("\\", "")
    assert sentence(found) in text and so_far(found.sequential) in text
    assert all(gate.words in text for gate in found.gates)
    assert "may be the time, not the version" in text
    table = next(d.value for d in at.dataframe if "side" in d.value)
    assert table["metric"].iloc[0] == "ROC AUC" and set(table["side"].dropna()) <= {
        "champion",
        "challenger",
        "neither",
    }
    alts = [c.proto.alt for c in at.get("plotly_chart")]
    assert any(alt.startswith("Gain by slice") for alt in alts)


def test_the_evidence_so_far_is_drawn_beside_what_it_has_to_reach(
    small_store: str, run_page: Run, written: Written
) -> None:
    found = judged(BETTER, metric="brier")
    present = PRESENT
    change(
        small_store,
        lambda session: session.add(
            RequestRow(
                kind="compare", model_key="delays", arguments={}, actor="ann", asked_at=present, state="done",
                result=json.dumps(as_document(found)), finished_at=present,
            )
        ),
    )  # fmt: skip
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert so_far(found.sequential) in written(at).replace("\\", "")
    alts = [c.proto.alt for c in at.get("plotly_chart")]
    assert any(alt.startswith("Mean gain so far") for alt in alts)
    assert any(alt.startswith("Evidence") and "40 is needed" in alt for alt in alts)


def test_a_shadow_log_is_a_side_of_its_own(small_store: str, run_page: Run, written: Written, tmp_path: Any) -> None:
    def map_it(session: Any) -> None:
        row = session.scalars(select(ModelRow).where(ModelRow.key == "delays")).one()
        log = pd.read_csv(row.document["predictions"]["location"])[["id", "score"]]
        log.assign(score=log.score**2).to_csv(tmp_path / "shadow.csv", index=False)
        columns = {"id": "id", "score": "score"}
        shadow = {"source": "csv", "location": str(tmp_path / "shadow.csv"), "columns": columns}
        row.document = {**row.document, "retraining": {"shadow": shadow}}

    change(small_store, map_it)
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert (at.selectbox(key="champion").value, at.selectbox(key="challenger").value) == ("v2", "shadow")
    assert "A shadow log is not summarised" in written(at).replace("\\", "")
    at.button(key="compare").click().run()
    row = made(small_store)
    assert row.state == "done", row.message
    found = from_document(json.loads(row.result))
    assert found.about.pairing == "id" and found.about.challenger == "shadow" and found.about.champion == "v2"
    assert abs(found.main.change.value) < 1e-9, "squares rank alike"  # type: ignore[union-attr]


def test_a_comparison_that_failed_says_why(small_store: str, run_page: Run, written: Written) -> None:
    at = run_page(PAGE, model="delays")
    at.button(key="compare").click().run()

    def spoil(session: Any) -> None:
        row = session.scalars(select(ModelRow).where(ModelRow.key == "delays")).one()
        row.document = {**row.document, "predictions": {**row.document["predictions"], "location": "/nowhere.csv"}}

    change(small_store, spoil)
    assert made(small_store).state == "failed"
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert "nowhere" in written(at)


def test_a_comparison_of_another_version_of_leeway_is_no_exception(
    small_store: str, run_page: Run, written: Written
) -> None:
    at = run_page(PAGE, model="delays")
    at.button(key="compare").click().run()
    made(small_store)
    change(small_store, lambda session: session.execute(update(RequestRow).values(result='{"about": {}}')))
    at = run_page(PAGE, model="delays")
    assert not at.exception
    assert "another version of Leeway" in written(at)
    store = connect(small_store)
    with reading(store) as session:
        assert [w.state for w in work(session, "delays") if w.kind == "compare"] == ["done"]
    store.dispose()
