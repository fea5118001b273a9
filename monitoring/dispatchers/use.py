"""A dispatcher ready to be used: whatever it does, it gives an outcome, without secrets in its words."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass, replace
from typing import Any, Self

from monitoring.core.retraining.order import Order
from monitoring.core.retraining.report import Report
from monitoring.dispatchers import registry
from monitoring.dispatchers.dispatcher import Dispatcher, Means
from monitoring.dispatchers.outcome import Accepted, Outcome, Refused, Retry, Unclear
from monitoring.errors import LeewayError
from monitoring.notifiers.secrets import Secrets

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Use:
    """Its document as it is kept, itself with secrets in place, and its means."""

    document: dict[str, Any]
    dispatcher: Dispatcher
    means: Means
    secrets: Secrets

    @classmethod
    def of(cls, document: dict[str, Any], means: Means) -> Self:
        """Put secrets of the environment in place. Raises LeewayError for what cannot be used."""
        secrets = Secrets(means.environment)
        return cls(document, registry.parse(document).expanded(secrets.expand), means, secrets)

    def dispatch(self, order: Order) -> Outcome:
        """Hand an order over. Whatever goes wrong is an outcome, without secrets in its words."""
        try:
            found = self.dispatcher.dispatch(order, self.means)
        except LeewayError as error:
            found = Refused(error.sentence)
        except Exception as error:
            log.error("a dispatcher raised:\n%s", self.secrets.redact(traceback.format_exc()))
            found = Unclear(f"the dispatcher's own code failed: {type(error).__name__}: {error}")
        if isinstance(found, Accepted):
            return replace(found, note=self.secrets.redact(found.note), url=self.secrets.redact(found.url))
        return replace(found, reason=self.secrets.redact(found.reason))

    def look(self, order: Order, run: str) -> Report | Retry | Refused | None:
        """How a run stands. Whatever goes wrong is a reason to ask again."""
        found: Report | Retry | Refused | None
        try:
            found = self.dispatcher.look(order, run, self.means)
        except LeewayError as error:
            found = Refused(error.sentence)
        except Exception as error:
            log.error("a dispatcher raised:\n%s", self.secrets.redact(traceback.format_exc()))
            found = Retry(f"the dispatcher's own code failed: {type(error).__name__}: {error}")
        if isinstance(found, Report):
            return replace(found, message=self.secrets.redact(found.message), url=self.secrets.redact(found.url))
        return None if found is None else replace(found, reason=self.secrets.redact(found.reason))
