"""A sign of life to an outside monitor, which calls somebody when none comes: Leeway cannot say that it is dead."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from datetime import datetime

from monitoring.errors import LeewayError
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Delivered
from monitoring.notifiers.secrets import Secrets
from monitoring.settings import Settings

log = logging.getLogger(__name__)


def ping(
    settings: Settings, http: Http, models: int, now: datetime, environment: Mapping[str, str] = os.environ
) -> bool:
    """Post that so many models have just been looked at; whether it arrived. Nothing is posted without `ping_url`.

    A failure is logged, and no more: the monitor outside is who notices. ${NAME} in the URL is a secret.
    """
    if not settings.ping_url:
        return False
    secrets = Secrets(environment)
    body = json.dumps({"at": now.isoformat(), "models": models}).encode()
    try:
        found = http.post(secrets.expand(settings.ping_url), body)
    except (LeewayError, OSError) as error:
        log.warning("the ping could not be sent: %s", secrets.redact(str(error)))
        return False
    if not isinstance(found, Delivered):
        log.warning("the ping did not arrive: %s", secrets.redact(found.reason))
    return isinstance(found, Delivered)
