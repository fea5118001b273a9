"""A dashboard or a worker with a clock of its own: python -m tests.browser.later FILE web PORT | worker.

FILE holds by how many seconds it is ahead of the machine's, and may change while they run: days go by for a story that
takes half a minute. The worker replays the shipped logs that lie in `data` beside it.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from monitoring import worker
from monitoring.cli.opening import open_store
from monitoring.settings import load
from monitoring.web import clock

ahead = Path(sys.argv[1])


def now() -> datetime:
    """The present, for this process."""
    return datetime.now(UTC) + timedelta(seconds=float(ahead.read_text()))


if sys.argv[2] == "web":
    clock.read = now
    uvicorn.run("app:app", port=int(sys.argv[3]), log_level="warning", access_log=False)
else:
    worker.SHIPPED = ahead.parent / "data"
    worker.work(open_store(load()), load(), now)
