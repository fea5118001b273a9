"""Whether a page of Streamlit's has had all that it asked its server for, and has drawn it."""

from __future__ import annotations

from collections.abc import MutableMapping
from weakref import WeakKeyDictionary

from playwright.sync_api import Page, Request, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.waiting import until

QUIET, RESTLESS = 300, 20_000
"""Milliseconds without any change of the document after which it is drawn, and after which that is no more asked of a
page that goes on changing by itself."""
DRAWN = """([quiet, restless]) => {
    const now = performance.now();
    window.askedAt ??= now;
    if (window.changedAt === undefined) {
        window.changedAt = now;
        const seen = new MutationObserver(() => { window.changedAt = performance.now(); });
        seen.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
    }
    const app = document.querySelector('[data-testid="stApp"]')?.dataset;
    const drawn = app?.testScriptState === "notRunning" && app.testConnectionState === "CONNECTED"
        && document.querySelector('[data-testid="stMain"] [data-testid="stElementContainer"]') !== null
        && document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]') === null
        && (now - window.changedAt > quiet || now - window.askedAt > restless);
    if (drawn) delete window.askedAt;
    return drawn;
}"""

_wires: MutableMapping[Page, Wire] = WeakKeyDictionary()


class Wire:
    """Listens to what goes between a page and its server."""

    def __init__(self, page: Page) -> None:
        self.waits = True
        page.on("request", self._asked)
        page.on("websocket", self._open)
        _wires[page] = self

    def _asked(self, request: Request) -> None:
        if request.is_navigation_request():  # another document
            self.waits = True

    def _open(self, socket: WebSocket) -> None:
        if "_stcore/stream" in socket.url:
            self.waits = True
            socket.on("framesent", self._sent)
            socket.on("framereceived", self._received)

    def _sent(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes) and BackMsg.FromString(frame).WhichOneof("type") == "rerun_script":
            self.waits = True

    def _received(self, frame: str | bytes) -> None:
        if not isinstance(frame, bytes):
            return
        said = ForwardMsg.FromString(frame)
        if said.WhichOneof("type") == "script_finished" and said.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self.waits = False


def settle(page: Page, seconds: float) -> None:
    """Wait until all that was asked for has come, and is drawn."""
    wire = _wires[page]

    def settled() -> bool:
        page.wait_for_function(DRAWN, arg=[QUIET, RESTLESS])
        return not wire.waits

    until(settled, seconds)
