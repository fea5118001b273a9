"""Who is looking. Every page calls `require` first."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from monitoring.settings import load

Role = Literal["viewer", "editor"]
LOCAL = "local"


def require(role: Role) -> str:
    """The viewer's name, for the audit. Without sign-in it is "local"; with it, a stranger is stopped here.

    All who are signed in may do everything for now; roles of their own come with access control.
    """
    if load().sign_in == "none":
        return LOCAL
    if not st.user.is_logged_in:
        st.title("Leeway")
        st.write("Sign in to see the fleet.")
        st.button("Sign in", on_click=st.login, icon=":material/login:")
        st.stop()
    return str(st.user.email or st.user.sub)
