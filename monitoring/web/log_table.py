"""The table of all logs: is each arriving, and what is wrong with it?"""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from monitoring.store.queries.sources import Entry, LogState
from monitoring.web import pieces
from monitoring.web.charts import shade
from monitoring.web.clock import ago, span
from monitoring.web.escape import escape
from monitoring.web.look import NEVER, STATUSES, Look
from monitoring.core.verdict import Status

ERROR = STATUSES[Status.BREACHED]
STATES = {
    "✕ error": Look("error", "error", ERROR.colour, ERROR.light, ERROR.dark),
    "▲ notice": Look("notice", "warning", *_warn) if (_warn := (STATUSES[Status.WARNING].colour, STATUSES[Status.WARNING].light, STATUSES[Status.WARNING].dark)) else NEVER,
    "✓ ok": STATUSES[Status.OK],
    "? no data": STATUSES[Status.NO_DATA],
    "? not read yet": NEVER,
}
