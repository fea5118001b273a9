"""Sign-in that is asked for and not set up lets nobody in, and says so."""

from __future__ import annotations

import pytest

from tests.pages.conftest import Run


def test_without_a_provider_nobody_gets_in_and_the_page_says_what_is_missing(
    small_store: str, run_page: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEEWAY_SIGN_IN", "oidc")
    at = run_page("observe/fleet.py")
    assert not at.exception
    assert [error.value for error in at.error] == [
        "Nobody can sign in yet: LEEWAY_SIGN_IN is oidc, but there is no `[auth]` in `.streamlit/secrets.toml` where "
        "Leeway was started or in its user's home. docs/operating.md says what belongs there."
    ]
    assert not at.dataframe and [title.value for title in at.title] == ["Leeway"]
