"""Who is looking. Every page calls `require` first."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from monitoring.settings import load
from monitoring.web.escape import escape

Role = Literal["viewer", "editor"]
LOCAL = "local"
NOT_SET_UP = (
    "Nobody can sign in yet: LEEWAY_SIGN_IN is oidc, but there is no `[auth]` in `.streamlit/secrets.toml` where "
    "Leeway was started or in its user's home. docs/operating.md says what belongs there."
)


def require(role: Role) -> str:
    """The viewer's name, for the audit. Without sign-in it is "local"; with it, a stranger is stopped here.

    All who are signed in may do everything for now; roles of their own come with access control.
    """
    if load().sign_in == "none":
        return LOCAL
    if not hasattr(st.user, "is_logged_in"):
        st.title("Leeway")
        st.error(NOT_SET_UP, icon=":material/lock:")
        st.stop()
    if not st.user.is_logged_in:
        st.title("Leeway")
        st.write("Sign in to see the fleet.")
        st.button("Sign in", on_click=st.login, icon=":material/login:")
        st.stop()
    return str(st.user.email or st.user.sub)


def signed_in(name: str) -> None:
    """Who is looking, and the way out. Nothing without sign-in."""
    if load().sign_in == "none":
        return
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        st.caption(escape(name), width="content")
        st.button("Sign out", type="tertiary", on_click=st.logout, icon=":material/logout:", key="sign_out")
