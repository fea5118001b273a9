"""The house keeps its order: who may import whom, where time may be read, and what no page may write."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE_MAY = {"numpy", "pandas", "scipy", "pyarrow", "dateutil", "re2"}
CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns", "pd.Timestamp.now",
    "Timestamp.now", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today",
}  # fmt: skip
SHELLS = (
    "evaluate",
    "diagnose",
    "comparing",
    "worker",
    "ingest",
    "baseline",
    "cli",
    "up",
    "rebaseline",
    "demo",
    "retraining",
    "__main__",
)
"""The doors of monitoring that a person or a process goes through. Nothing below them may import them."""

BELOW = {
    "monitoring.core": ("monitoring.core",),
    "monitoring.notifiers": ("monitoring.core", "monitoring.notifiers", "monitoring.errors"),
    "monitoring.dispatchers": (
        "monitoring.core",
        "monitoring.dispatchers",
        "monitoring.notifiers",
        "monitoring.errors",
    ),
    "monitoring.rowtests": ("monitoring.core", "monitoring.rowtests"),
    "monitoring.stattests": ("monitoring.core", "monitoring.stattests", "monitoring.evidently"),
    "monitoring.store": (
        "monitoring.core",
        "monitoring.store",
        "monitoring.fleet",
        "monitoring.fleet.oncall",
        "monitoring.fleet.thresholds",
        "monitoring.errors",
        "monitoring.dispatchers.dispatcher",
        "monitoring.notifiers.channel",
    ),
    "monitoring.logs": (
        "monitoring.core",
        "monitoring.logs",
        "monitoring.fleet",
        "monitoring.fleet.logs",
        "monitoring.errors",
    ),
    "monitoring.verdicts": (
        "monitoring.core",
        "monitoring.stattests",
        "monitoring.rowtests",
        "monitoring.verdicts",
        "monitoring.fleet",
    ),
}
"""What each package may import of monitoring, itself included."""


def sources(*places: str) -> list[Path]:
    found: list[Path] = []
    for place in places:
        path = ROOT / place
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return found


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module a file imports, anywhere in it, with its line; `from a import b` gives a and a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module_of(path).split(".")
                keep = len(package) - node.level + (path.name == "__init__.py")
                base = ".".join([*package[:keep], *([base] if base else [])])
            yield base, node.lineno
            for name in node.names:
                if (ROOT / Path(*base.split(".")) / f"{name.name}.py").exists():
                    yield f"{base}.{name.name}", node.lineno


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == p or module.startswith(f"{p}.") for p in packages)


def said(path: Path, line: int, what: str) -> str:
    return f"{path.relative_to(ROOT)}:{line} {what}"


def test_core_imports_only_the_standard_library_numpy_pandas_scipy_and_itself() -> None:
    wrong = []
    for path in sources("monitoring/core"):
        for module, line in imports(path):
            top = module.split(".")[0]
            fine = (
                within(module, ("monitoring.core",))
                if top == "monitoring"
                else top in sys.stdlib_module_names | CORE_MAY
            )
            if not fine:
                wrong.append(said(path, line, f"imports {module}"))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", BELOW)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    wrong = [
        said(path, line, f"imports {module}")
        for path in sources(package.replace(".", "/"))
        for module, line in imports(path)
        if module.startswith("monitoring.") and not within(module, BELOW[package])
    ]
    assert not wrong, "\n".join(wrong)


def test_pages_import_of_leeway_only_the_web_package_and_what_it_shows() -> None:
    wrong = []
    for path in sources("pages"):
        for module, line in imports(path):
            if within(module, tuple(f"monitoring.{name}" for name in SHELLS)) or within(
                module, ("sqlalchemy", "duckdb")
            ):
                wrong.append(said(path, line, f"imports {module}: pages query and draw, nothing else"))
    assert not wrong, "\n".join(wrong)


def test_nothing_imports_upwards_from_the_web_package_to_the_pages() -> None:
    wrong = [
        said(path, line, f"imports {module}")
        for path in sources("monitoring")
        for module, line in imports(path)
        if within(module, ("pages", "app"))
    ]
    wrong += [
        said(path, line, f"imports {module}")
        for path in sources("monitoring")
        for module, line in imports(path)
        if within(module, ("monitoring.web",)) and not within(module_of(path), ("monitoring.web", "monitoring.up"))
    ]
    assert not wrong, "\n".join(wrong)


def test_streamlit_is_known_only_to_the_web_package_the_pages_and_the_front_door() -> None:
    wrong = [
        said(path, line, f"imports {module}")
        for path in sources("monitoring", "data")
        for module, line in imports(path)
        if module.split(".")[0] == "streamlit" and not within(module_of(path), ("monitoring.web",))
    ]
    assert not wrong, "\n".join(wrong)


def test_core_verdicts_and_stattests_read_no_clock() -> None:
    wrong = []
    for path in sources("monitoring/core", "monitoring/verdicts", "monitoring/stattests", "monitoring/rowtests"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in CLOCKS:
                wrong.append(said(path, node.lineno, f"calls {ast.unparse(node.func)}: pass `now` in"))
    assert not wrong, "\n".join(wrong)


def test_no_page_writes_html_of_its_own() -> None:
    wrong = []
    for path in sources("pages", "monitoring", *(["app.py"] if (ROOT / "app.py").exists() else [])):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "unsafe_allow_html":
                wrong.append(said(path, node.value.lineno, "unsafe_allow_html"))
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                styles = called == "st.html" and ast.unparse(node) == "st.html(STYLES)"  # a stylesheet, by its path
                if (called == "st.html" and not styles) or called.endswith(("components.html", "components.v1.html")):
                    wrong.append(said(path, node.lineno, called))
        wrong += [
            said(path, line, f"imports {module}")
            for module, line in imports(path)
            if module.startswith("streamlit.components.v1")
        ]
    assert not wrong, "\n".join(wrong)


def test_no_page_lies_directly_in_pages_where_streamlit_would_find_it_by_itself() -> None:
    assert not list((ROOT / "pages").glob("*.py"))


def test_every_module_says_what_it_is_for() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in sources("monitoring", "pages")
        if path.name != "__init__.py" and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not wrong, "\n".join(wrong)
