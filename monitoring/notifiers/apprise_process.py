"""Apprise in a process of its own: reads a job from standard input, sends, and writes what became of it.

The library connects by itself, so the guard stands in its way: an audit hook sees every name before it is looked up and
every address before it is connected to, and refuses what the guard refuses. Redirects are not followed.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from typing import Any

from monitoring.notifiers import guard
from monitoring.notifiers.guard import Forbidden, Reach

_EXPIRED = "the service gave no full answer in time"


def main() -> None:
    """One job."""
    job = json.load(sys.stdin)
    said: dict[str, Any] = {
        "delivered": False, "refused": "", "status": None, "retry_after": "", "host": "", "error": "",
    }  # fmt: skip
    answered = threading.Lock()

    def answer() -> None:
        if answered.acquire(blocking=False):
            print(json.dumps(said), flush=True)
            os._exit(0)

    def expire() -> None:
        said.update(error=_EXPIRED, status=None, delivered=False)
        answer()

    try:
        import apprise
        import requests
    except ImportError as error:
        said["refused"] = f"{error.name} is not installed: pip install apprise"
        answer()
    logging.disable(logging.CRITICAL)  # it would log URLs
    timer = threading.Timer(job["seconds"], expire)
    timer.daemon = True
    timer.start()
    _observe(requests, said)
    reach = Reach(tuple(job["reach"]["hosts"]), (), job["reach"]["loopback"])
    sender = apprise.Apprise()
    if not sender.add(job["url"]):
        said["refused"] = "Apprise does not know this URL"
        answer()
    _stand_guard(reach, said)
    try:
        said["delivered"] = bool(sender.notify(job["body"], title=job["title"], notify_type=job["type"]))
    except Exception as error:
        said["error"] = type(error).__name__
    if said["refused"]:
        said["delivered"] = False
    answer()


def _observe(requests: Any, said: dict[str, Any]) -> None:
    """Keep the status of the answer, which Apprise does not give, and follow no redirect."""
    original = requests.adapters.HTTPAdapter.send

    def send(self: Any, request: Any, *arguments: Any, **more: Any) -> Any:
        found = original(self, request, *arguments, **more)
        host = request.url.split("/")[2].rpartition("@")[2]
        said.update(status=found.status_code, retry_after=found.headers.get("retry-after", ""), host=host)
        if found.is_redirect:
            raise requests.TooManyRedirects("redirects are not followed")
        return found

    requests.adapters.HTTPAdapter.send = send


def _stand_guard(reach: Reach, said: dict[str, Any]) -> None:
    """From now on no connection of this process is made that the guard refuses."""
    permitted = {guard.LOOPBACK} if reach.loopback else set()

    def refuse(reason: str) -> None:
        said["refused"] = said["refused"] or reason
        raise PermissionError(reason)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"):
            refuse("a notification starts no program")
        if event == "socket.getaddrinfo":
            host, port = arguments[0], arguments[1]
            try:
                guard.check_host(str(host), int(port or guard.HTTPS), reach)
            except Forbidden as error:
                refuse(error.sentence)
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            address = arguments[1]
            if not isinstance(address, tuple):
                refuse("only the network is reached")
            try:
                reason = guard.refusal(str(address[0]), permitted)
            except ValueError:
                reason = f"{address[0]} is no address that was looked up"
            if reason:
                refuse(reason)

    sys.addaudithook(hook)


if __name__ == "__main__":
    main()
