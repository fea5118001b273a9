"""The frame around every page: sign-in, menu, model and time range. `app.py` makes the app of it."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).parent.parent.parent
if str(ROOT) not in sys.path:  # Streamlit puts this file's own folder there, not the project's
    sys.path.insert(0, str(ROOT))

from monitoring.errors import LeewayError, NotPermitted  # noqa: E402
from monitoring.web import alive, charts, dead_letters  # noqa: E402
from monitoring.web.access import require, signed_in  # noqa: E402
from monitoring.web.alerts import badges  # noqa: E402
from monitoring.web.escape import escape  # noqa: E402
from monitoring.web.menu import PAGES, menu  # noqa: E402
from monitoring.web.span import controls, keep  # noqa: E402

st.set_page_config(page_title="Leeway", page_icon=str(Path(__file__).parent / "icon.svg"), layout="wide")
STYLES = Path(__file__).parent / "dark.css"
"""What Streamlit's settings cannot say of the dark theme. A file of ours, no HTML."""
if charts.kind() == "dark":
    st.html(STYLES)
viewer = require("viewer")
sections: dict[str, list[st.Page]] = {}
OF_NO_MODEL = ("fleet", "models_and_logs", "channels", "on_call", "silences")
"""Pages that are not about one model over a range."""
OF_NO_RANGE = ("retraining",)
"""Pages about a model, or all, as they are now."""
titles = {}
alerts_page = PAGES / "respond" / "alerts.py"
of_page, of_section = badges()
for number, entry in enumerate(menu()):
    page = st.Page(
        entry.path,
        title=entry.title + (of_page if entry.path == alerts_page else ""),
        icon=f":material/{entry.icon}:",
        url_path=entry.url,
        default=number == 0,
    )
    titles[page.title] = entry
    section = entry.section.capitalize() + (of_section if entry.section == alerts_page.parent.name else "")
    sections.setdefault(section, []).append(page)
chosen = st.navigation(sections, position="top")
try:
    entry = titles[chosen.title]
    signed_in(viewer)
    st.title(entry.title)
    st.caption(entry.question)
    alive.warn()
    if entry.path.stem != "channels":
        dead_letters.warn()
    if entry.path.stem not in OF_NO_MODEL:
        controls(entry.path.stem not in OF_NO_RANGE)
    else:
        keep()
    chosen.run()
except NotPermitted as error:
    st.error(escape(error.sentence), icon=":material/lock:")
except LeewayError as error:
    st.error(escape(error.sentence), icon=":material/error:")
