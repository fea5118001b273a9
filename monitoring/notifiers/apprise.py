"""The long tail: whatever the library Apprise can send to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from pydantic import Field

from monitoring.core.alerting.notification import Notification
from monitoring.notifiers import wording
from monitoring.notifiers.channel import Channel
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Delivered, Outcome, Refused, Response, Retry, outcome
from monitoring.notifiers.registry import channel
from monitoring.notifiers.secrets import Secret

ROOT = Path(__file__).parents[2]


@channel("apprise", title="Apprise")
class Apprise(Channel):
    """Telegram, Discord, Matrix, ntfy, Opsgenie, SMS and over a hundred more, by the library Apprise.

    Write the service's Apprise URL (https://github.com/caronc/apprise/wiki, such as `tgram://token/chat`) into an
    environment variable of the worker. The hosts it talks to must be in `LEEWAY_OUTGOING_HOSTS`: try a test, the error
    names the host that is missing. It runs in a process of its own, which may reach nothing else. Needs
    `pip install apprise`.
    """

    url: Secret = Field(description="The service's Apprise URL, as ${NAME}.", min_length=1)

    def send(self, notification: Notification, http: Http) -> Outcome:
        """In a process that is ended when the time is over: the library has no limit of its own."""
        job = {
            "url": self.url,
            "title": wording.title(notification),
            "body": wording.text(notification),
            "type": "success" if notification.resolved else "failure" if notification.severity == "page" else "warning",
            "reach": asdict(http.reach),
            "seconds": http.seconds,
        }
        kept = {
            name: os.environ[name] for name in ("PATH", "LANG", "SSL_CERT_FILE", "SYSTEMROOT") if name in os.environ
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "monitoring.notifiers.apprise_process"],
                input=json.dumps(job), capture_output=True, text=True, timeout=http.seconds + START, cwd=ROOT, env=kept,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Retry(f"the service gave no full answer within {http.seconds:g} s")
        try:
            said = json.loads(done.stdout)
        except ValueError:
            return Retry(f"Apprise ended with {done.returncode}: {wording.clip(done.stderr[-300:], 300)}")
        if said["refused"]:
            return Refused(said["refused"])
        if said["delivered"]:
            return Delivered()
        if said["status"] is not None:
            answer = Response(said["status"], {"retry-after": said["retry_after"]}, "", said["host"])
            found = outcome(answer, http.clock())
            return (
                found if not isinstance(found, Delivered) else Refused(f"Apprise did not take {said['host']}'s answer")
            )
        return Retry(said["error"] or "the service could not be reached")


START = 15.0
"""Seconds that the process may take to start."""
