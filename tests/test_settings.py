"""Settings come from the environment, with defaults that fit one another."""

from __future__ import annotations

import pytest

from monitoring.errors import LeewayError
from monitoring.settings import load

URLS = [
    ({}, "http://127.0.0.1:8501"),
    ({"LEEWAY_PORT": "8611"}, "http://127.0.0.1:8611"),
    ({"LEEWAY_PORT": "8611", "LEEWAY_URL": "https://leeway.example.com/"}, "https://leeway.example.com"),
]


@pytest.mark.parametrize(("environment", "url"), URLS)
def test_links_lead_to_the_dashboard_wherever_it_is(environment: dict[str, str], url: str) -> None:
    assert load(environment).url == url


def test_a_setting_that_is_no_number_is_named() -> None:
    with pytest.raises(LeewayError, match="'soon' is no number"):
        load({"LEEWAY_PORT": "soon"})
