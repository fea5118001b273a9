"""Evidently, at arm's length. It takes 6 to 15 s to import, so that what needs it is done in few tests."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine

from monitoring.errors import LeewayError
from monitoring.evidently import report, stattest
from monitoring.evidently.failure import EvidentlyError
from monitoring.evidently.page import _usable
from monitoring.fleet import Model, parse_model
from monitoring.logs.reader import LogReader
from monitoring.logs.rows import Bounds
from monitoring.logs.sample import Roles, roles_of, sample

START = datetime(2026, 3, 2, tzinfo=UTC)
REFERENCE = (START, START + timedelta(days=2))
CURRENT = (START + timedelta(days=2), START + timedelta(days=3))
ROOT = Path(__file__).parents[1]
EVIL = "</script><script>alert(1)</script>"


def write_logs(folder: Path, rows: int = 900) -> None:
    """Three days of predictions; labels, in a log of their own, for all but the last hundred rows."""
    random = np.random.default_rng(7)
    times = pd.date_range(START, periods=rows, freq=timedelta(days=3) / rows, unit="us")
    score = random.uniform(size=rows)
    predictions = pd.DataFrame(
        {
            "key": [f"p{i}" for i in range(rows)],
            "at": times,
            "height": random.normal(size=rows),
            "late <img src=x>": random.choice(["ship", EVIL, None], size=rows),
            "hollow": np.where(np.arange(rows) < 600, 1.0, np.nan),
            "status": np.where(np.arange(rows) % 10 == 0, 500, 200),
            "score": score,
        }
    )
    predictions.to_parquet(folder / "predictions.parquet")
    labels = pd.DataFrame({"key": predictions["key"], "late": random.uniform(size=rows) < score})
    labels.iloc[:-100].to_parquet(folder / "labels.parquet")


def document(**more: object) -> dict[str, object]:
    columns = {"id": "key", "timestamp": "at", "score": "score", "status": "status"}
    return {
        "key": "ship",
        "name": "Ship <b>&amp; & co</b>",
        "task": "binary_classification",
        "predictions": {"source": "parquet", "location": "predictions.parquet", "columns": columns},
        "labels": {"source": "parquet", "location": "labels.parquet", "columns": {"id": "key", "label": "late"}},
        "reference": {"from": REFERENCE[0].isoformat(), "to": REFERENCE[1].isoformat()},
    } | more


def ship(**more: object) -> Model:
    return parse_model(document(**more), "test")


def drawn(model: Model, base: Path, limit: int, seed: int = 0) -> pd.DataFrame:
    reader = LogReader(model, base)
    try:
        predictions = reader.relation("predictions", reader.parts("predictions"))
        labels = reader.relation("labels", reader.parts("labels")) if model.labels else None
        return sample(reader, predictions, labels, Bounds(), limit, seed)
    finally:
        reader.close()


def without_id(model: dict[str, object]) -> Model:
    predictions = model["predictions"]
    assert isinstance(predictions, dict)
    columns = {"timestamp": "at", "score": "score", "features": ["late <img src=x>"]}
    return parse_model(model | {"labels": None, "predictions": predictions | {"columns": columns}}, "test")


class Page(HTMLParser):
    """What a browser takes for scripts, images and titles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, list[str]] = {}
        self.sources: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.found.setdefault(tag, []).append("")
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[self._open][-1] += data


def test_a_sample_has_every_role_and_the_meaning_of_each(tmp_path: Path) -> None:
    write_logs(tmp_path)
    frame = drawn(ship(), tmp_path, 10_000)
    assert list(frame) == ["height", "late <img src=x>", "hollow", "score", "late"]
    assert len(frame) == frame.attrs["rows"] == 900
    raw = pd.read_parquet(tmp_path / "predictions.parquet")
    assert np.allclose(frame["height"], raw["height"])  # in order of time
    assert frame["score"].isna().equals(raw["status"] == 500)
    assert set(frame["late"].dropna()) == {"0", "1"}
    assert frame["late"].isna().sum() == 100
    assert [str(frame[name].dtype) for name in ("height", "late")] == ["float64", "object"]


def test_a_sample_is_the_same_every_time_and_spread_over_the_window(tmp_path: Path) -> None:
    write_logs(tmp_path)
    first, again, other = (drawn(ship(), tmp_path, 200, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert len(first) == len(other) == 200
    assert set(first["height"]) != set(other["height"])
    raw = pd.read_parquet(tmp_path / "predictions.parquet")["height"]
    rows = np.flatnonzero(raw.isin(first["height"]))
    assert np.bincount(rows // 300).min() > 45


def test_a_sample_without_ids_takes_equal_rows_one_by_one(tmp_path: Path) -> None:
    write_logs(tmp_path)
    model = without_id(document())
    raw = pd.read_parquet(tmp_path / "predictions.parquet")
    pd.concat([raw, raw]).to_parquet(tmp_path / "predictions.parquet")  # every row twice
    first = drawn(model, tmp_path, 300)
    pd.testing.assert_frame_equal(first, drawn(model, tmp_path, 300))
    assert len(first) == 300
    assert 5 < first["score"].duplicated().sum() < 60  # of 150 pairs 25 both times, were it chance; not all, not none


def test_rows_that_share_an_id_are_a_sample_as_well(tmp_path: Path) -> None:
    write_logs(tmp_path)
    raw = pd.read_parquet(tmp_path / "predictions.parquet")
    raw.assign(key="same").to_parquet(tmp_path / "predictions.parquet")
    assert len(drawn(ship(labels=None), tmp_path, 100)) == 100
    raw.assign(key=raw["key"].where(raw.index % 2 == 0)).to_parquet(tmp_path / "predictions.parquet")
    assert 30 < drawn(ship(labels=None), tmp_path, 100)["height"].isin(raw["height"][1::2]).sum() < 70


def test_a_label_called_like_a_feature_keeps_its_own_column(tmp_path: Path) -> None:
    columns = {"id": "key", "label": "height"}
    roles = roles_of(
        ship(labels={"source": "parquet", "location": "labels.parquet", "columns": columns}),
        {"key": "text", "at": "time", "height": "number", "score": "number", "status": "number"},
    )
    assert roles.features == ("height",)
    assert roles.label == "height (label)"


def test_a_sample_from_postgresql_is_the_sample_from_files(tmp_path: Path, postgres_url: str) -> None:
    write_logs(tmp_path)
    engine = create_engine(postgres_url)
    for name in ("predictions", "labels"):
        pd.read_parquet(tmp_path / f"{name}.parquet").to_sql(name, engine, index=False)
    engine.dispose()
    model = ship().model_dump(mode="json", by_alias=True, exclude={"chunk"})
    for name in ("predictions", "labels"):
        model[name] |= {"source": "sql", "location": None, "url": postgres_url, "table": name}
    there = parse_model(model, "test")
    pd.testing.assert_frame_equal(drawn(there, tmp_path, 200), drawn(ship(), tmp_path, 200))
    plain = without_id(model)
    assert len(drawn(plain, tmp_path, 200)) == 200
    pd.testing.assert_frame_equal(drawn(plain, tmp_path, 200), drawn(plain, tmp_path, 200))


def test_evidently_is_spared_what_it_fails_or_stalls_on() -> None:
    old = pd.DataFrame({"x": [1.0, np.inf], "id": ["a", "b"], "gone": [1.0, 2.0]})
    new = pd.DataFrame({"x": np.arange(300.0), "id": [f"i{i % 150}" for i in range(300)], "gone": np.nan, "new": "n"})
    frames = _usable(old, new, Roles(("x", "id", "gone", "new")))
    assert (frames.numeric, frames.categorical) == (["x"], ["id"])
    assert np.isfinite(frames.reference["x"].dropna()).all()
    assert frames.current["id"].nunique() == 101 and "(other)" in set(frames.current["id"])
    assert frames.notes == [
        "Not in the reference, and left out: new.",
        "Without a value in one of the windows, and left out: gone.",
        "More than 100 categories, of which the most frequent are told apart: id.",
    ]
    with pytest.raises(EvidentlyError, match="no column has values in both windows"):
        _usable(old[["gone"]], new[["gone"]], Roles(("gone",)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of logs and a report on them."""
    base = tmp_path_factory.mktemp("logs")
    write_logs(base)
    return base, report.create(ship(), base, CURRENT, None, base / "reports")


def test_a_report_tells_of_every_column(made: tuple[Path, Path]) -> None:
    text = made[1].read_text(encoding="utf-8")
    for name in ("height", "late \\u003cimg src=x>", "score", "late"):
        assert f'"{name}"' in text
    assert "02 Mar 2026 00:00 to 04 Mar 2026 00:00 UTC · 600 rows" in text
    assert "Without a value in one of the windows, and left out: hollow." in text
    assert "180 of 300 in the current window, 540 of 600 in the reference" in text  # labelled, and answered


def test_a_report_runs_no_user_string_and_asks_no_other_host(made: tuple[Path, Path]) -> None:
    text = made[1].read_text(encoding="utf-8")
    page = Page(text)
    assert page.found["title"] == ["Evidently report: Ship <b>&amp; & co</b>"]
    assert page.found["h1"] == ["Evidently report: Ship <b>&amp; & co</b>"]
    assert not any(script.strip() == "alert(1)" for script in page.found["script"])
    assert "b" not in page.found and "img" not in page.found
    assert page.sources == []
    assert "default-src 'none'" in text


def test_a_report_asked_for_again_is_the_same_file(made: tuple[Path, Path]) -> None:
    base, path = made
    before = path.stat().st_ino
    os.utime(path, (0, 0))
    assert report.create(ship(), base, CURRENT, None, base / "reports") == path
    assert path.stat().st_ino == before, "it was not written anew"
    assert path.stat().st_mtime > 0, "and is kept as long as if it had been"
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # and no working folder is left


def test_a_window_without_rows_is_an_error(tmp_path: Path) -> None:
    write_logs(tmp_path)
    later = (START + timedelta(days=9), START + timedelta(days=10))
    with pytest.raises(EvidentlyError, match=r"ship: the window has no rows \(11 Mar 2026"):
        report.create(ship(), tmp_path, later, None, tmp_path)
    with pytest.raises(EvidentlyError, match="the reference has no rows"):
        report.create(ship(), tmp_path, CURRENT, later, tmp_path)
    with pytest.raises(EvidentlyError, match="ends before it begins"):
        report.create(ship(), tmp_path, (CURRENT[1], CURRENT[0]), None, tmp_path)


def test_a_reference_log_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_logs(tmp_path)
    raw = pd.read_parquet(tmp_path / "predictions.parquet")
    raw.drop(columns=["key", "at", "status"]).assign(truth=raw["score"] > 0.5).to_parquet(tmp_path / "trained.parquet")
    columns = {"score": "score", "label": "truth"}
    model = ship(reference={"source": "parquet", "location": "trained.parquet", "columns": columns})
    seen = {}

    def write(reference: pd.DataFrame, current: pd.DataFrame, *rest: object) -> None:
        seen.update(reference=reference, current=current, about=rest[2])

    monkeypatch.setattr(report, "write", write)
    report.create(model, tmp_path, CURRENT, None, tmp_path, limit=100)
    assert list(seen["reference"]) == list(seen["current"])
    assert set(seen["reference"]["late"]) == {"0", "1"}
    assert seen["about"].reference == "trained.parquet · a sample of 100 of 900 rows"


def test_a_process_that_fails_or_hangs_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_logs(tmp_path)
    monkeypatch.setattr(report, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(EvidentlyError, match=r"not done after 0\.2 s"):
        report.create(ship(), tmp_path, CURRENT, None, tmp_path / "reports")
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(EvidentlyError, match="exit status 1"):
        report.create(ship(), tmp_path, CURRENT, None, tmp_path / "reports")
    assert list((tmp_path / "reports").iterdir()) == []


def test_nothing_here_imports_evidently_before_it_is_needed() -> None:
    modules = ", ".join(
        f"monitoring.evidently.{path.stem}" for path in (ROOT / "monitoring/evidently").glob("[a-z]*.py")
    )
    code = f"import sys, {modules}; monitoring.evidently.stattest.names(); print('evidently' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "False"


DIRECT = """
import json, sys
import numpy as np, pandas as pd
from monitoring.evidently import stattest
rng = np.random.default_rng(1)
old, new = pd.Series(rng.normal(size=500)), pd.Series(rng.normal(0.3, 1, size=400))
holed = pd.concat([new, pd.Series([np.nan, np.inf])])
letters = [pd.Series(rng.choice(list("abc"), p=p, size=400)) for p in ([.2, .3, .5], [.5, .3, .2])]
mine = [stattest.run("ks", old, holed, "numeric"), stattest.run("psi", old, new, "numeric", 0.5),
        stattest.run("psi", *letters, "categorical", 0.01)]
try:
    stattest.run("fisher_exact", letters[0], letters[1], "categorical")
    failure = ""
except stattest.EvidentlyError as error:
    failure = error.sentence
from evidently.legacy.calculations import stattests
from evidently.legacy.calculations.stattests.registry import _registered_stat_tests
from evidently.legacy.core import ColumnType
n, c = ColumnType.Numerical, ColumnType.Categorical
theirs = [stattests.ks_stat_test(old, new, n, None), stattests.psi_stat_test(old, new, n, 0.5),
          stattests.psi_stat_test(*letters, c, 0.01)]
words = {n: "numeric", c: "categorical"}
known = {k: sorted(words[t] for t in v if t in words) for k, v in _registered_stat_tests.items()}
print(json.dumps({
    "mine": [[r.score, r.threshold, r.drifted] for r in mine],
    "theirs": [[float(r.drift_score), float(r.actual_threshold), bool(r.drifted)] for r in theirs],
    "failure": failure,
    "known": {k: v for k, v in known.items() if v},
}))
"""


def test_run_agrees_with_evidently_and_the_names_are_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", DIRECT], capture_output=True, text=True, cwd=ROOT, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["mine"] == found["theirs"]
    assert [row[1] for row in found["mine"]] == [0.05, 0.5, 0.01]
    assert found["known"] == {name: sorted(stattest.kinds(name)) for name in stattest.names()}
    assert found["failure"].startswith("evidently:fisher_exact: failed: ")


def test_what_cannot_be_tested_is_said_before_evidently_is_imported() -> None:
    numbers, nothing = pd.Series([1.0, 2.0]), pd.Series([np.nan, np.inf])
    with pytest.raises(LeewayError, match=r"no Evidently test is called 'kss'.*Known: anderson, .*, wasserstein"):
        stattest.run("kss", numbers, numbers, "numeric")
    with pytest.raises(LeewayError, match=r"evidently:ks: is not a test for categorical columns.*chisquare"):
        stattest.run("ks", numbers, numbers, "categorical")
    with pytest.raises(LeewayError, match="the current window has no value"):
        stattest.run("ks", numbers, nothing, "numeric")
    with pytest.raises(LeewayError, match="not numbers"):
        stattest.run("ks", numbers, pd.Series(["a"]), "numeric")
