"""Leeway's front door: one ASGI app of the dashboard and its own routes. `uvicorn app:app` runs it."""

from pathlib import Path

import streamlit as st

from monitoring.web.routes import routes

app = st.App(str(Path(__file__).parent / "monitoring" / "web" / "frame.py"), routes=routes())
