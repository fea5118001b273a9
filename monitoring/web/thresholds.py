"""Cached questions of the Thresholds page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import streamlit as st
from sqlalchemy.orm import Session

from monitoring import backtest
from monitoring.backtest import Proposal
from monitoring.core.backtest import BackTest
from monitoring.fleet import parse_rule
from monitoring.in_force import InForce
from monitoring.in_force import in_force as all_in_force
from monitoring.store import revisions, rules
from monitoring.store.revisions import Revision
from monitoring.web import cached
from monitoring.web.clock import now


def in_force() -> list[InForce]:
    """Every check of every model."""
    return cached.asked(all_in_force)


def rule_documents() -> list[dict[str, Any]]:
    """The fleet-wide rules as written."""
    return cached.asked(rules.export)


def history() -> list[Revision]:
    """Changes of thresholds, newest first."""
    return cached.asked(revisions.history, revisions.THRESHOLDS)


def back_test(
    models: dict[str, Sequence[dict[str, Any]]], of_fleet: Sequence[dict[str, Any]] | None, days: int
) -> BackTest:
    """What other thresholds would have done, as of the last full minute."""
    present = now().replace(second=0, microsecond=0)
    zone = st.context.timezone or "UTC"
    text = json.dumps([models, of_fleet], sort_keys=True)
    return cached.asked(_back_test, text, days, present, zone)


def _back_test(session: Session, text: str, days: int, present: datetime, zone: str) -> BackTest:
    models, of_fleet = json.loads(text)
    parsed = None if of_fleet is None else tuple(parse_rule(one, "the form") for one in of_fleet)
    return backtest.back_test(session, Proposal(models, parsed), days, present, zone)
