"""E-mail, by SMTP."""

from __future__ import annotations

import hashlib
import smtplib
import socket
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from monitoring.core.alerting.notification import Notification
from monitoring.notifiers import wording
from monitoring.notifiers.channel import Channel
from monitoring.notifiers.deadline import Deadline
from monitoring.notifiers.http import Http
from monitoring.notifiers.outcome import Delivered, Outcome, Refused, Retry
from monitoring.notifiers.registry import channel
from monitoring.notifiers.secrets import Secret

LATER = 500
"""SMTP replies below it are of the kind "not now" (4yz), from it on "never" (5yz): RFC 5321, 4.2.1."""


@channel("email", title="E-mail")
class Email(Channel):
    """A mail to one or more people, through your mail server.

    `tls` is `starttls` (port 587), `tls` (port 465), or `none` for a relay within your own network, which takes no
    password. The server must be in `LEEWAY_MAIL_HOSTS`. Mails of one episode form a thread.
    """

    host: str = Field(description="The mail server's name.", min_length=1)
    port: int = Field(default=587, gt=0, lt=65536, description="587 with starttls, 465 with tls, 25 for a relay.")
    tls: Literal["starttls", "tls", "none"] = Field(default="starttls", description="How the connection is protected.")
    user: str = Field(default="", description="Who signs in at the server. Empty: nobody does.")
    password: Secret = Field(default="", description="As ${NAME}.")
    sender: str = Field(description="The address it comes from.", pattern=r"^[^@\s<>]+@[^@\s<>]+$")
    to: tuple[str, ...] = Field(description="The addresses it goes to.", min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.password and self.tls == "none":
            raise ValueError("a password is not sent without TLS: choose starttls or tls")
        if bool(self.password) != bool(self.user):
            raise ValueError("give user and password, or neither")
        for address in (self.sender, *self.to):
            try:
                if not Address(addr_spec=address).domain:
                    raise ValueError
            except (ValueError, IndexError, TypeError) as error:
                raise ValueError(f"{address!r} is no mail address") from error
        return self

    def check(self, http: Http) -> None:
        """The server, by the guard."""
        http.check_mail(self.host, self.port)

    def send(self, notification: Notification, http: Http) -> Outcome:
        """One mail to all of them."""
        with http.deadline() as deadline:
            try:
                with _connection(self, http, deadline) as server:
                    if self.tls == "starttls":
                        server.starttls(context=http.context)
                    if self.user:
                        server.login(self.user, self.password)
                    refused = server.send_message(message(notification, self.sender, self.to), self.sender, self.to)
                return Delivered(f"refused for {', '.join(sorted(refused))}" if refused else "")
            except (smtplib.SMTPException, OSError) as error:
                return _outcome(self.host, error, http, deadline)


def message(notification: Notification, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """The mail. Its Message-ID follows from the id, so that a repetition can be told; References from the incident."""
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, ", ".join(to)
    mail["Subject"] = wording.clip(wording.title(notification), 200)
    mail["Date"] = format_datetime(notification.at)
    mail["Message-ID"] = f"<{_digest(notification.id)}@{domain}>"
    mail["In-Reply-To"] = mail["References"] = f"<{_digest('incident ' + notification.incident)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Leeway-Id"] = wording.clip(notification.id, 200)
    mail.set_content(wording.text(notification))
    return mail


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _connection(channel: Email, http: Http, deadline: Deadline) -> smtplib.SMTP:
    """smtplib over a guarded connection, that says the sender's domain instead of looking ours up."""

    class Guarded(smtplib.SMTP):
        def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
            found = http.connect_mail(host, port, deadline)
            return http.context.wrap_socket(found, server_hostname=host) if channel.tls == "tls" else found

    return Guarded(channel.host, channel.port, channel.sender.rpartition("@")[2], timeout=http.seconds)


def _outcome(host: str, error: Exception, http: Http, deadline: Deadline) -> Outcome:
    if deadline.expired:
        return Retry(http.words(host, error, deadline))
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {address: code for address, (code, _) in error.recipients.items()}
        words = f"{host} refused every recipient: " + ", ".join(f"{a} ({c})" for a, c in codes.items())
        return Retry(words) if any(code < LATER for code in codes.values()) else Refused(words)
    if isinstance(error, smtplib.SMTPResponseException):
        said: Any = error.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        words = f"{host} answered {error.smtp_code}: {wording.clip(text, 200)}"
        return Retry(words) if 0 < error.smtp_code < LATER or error.smtp_code == -1 else Refused(words)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Refused(f"{host}: {error}")
    return Retry(http.words(host, error, deadline))
