"""What is raised where Evidently cannot do what was asked."""

from __future__ import annotations

from monitoring.errors import LeewayError


class EvidentlyError(LeewayError):
    """Evidently cannot test or report on this data."""
