"""Standard Webhooks 1.0: how a receiver knows that a request is ours, and not an old one sent again.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

PREFIX = "whsec_"


def key(secret: str) -> bytes:
    """The key that a secret stands for: whsec_ and base64, or bare base64, as the reference libraries take it.

    Raises ValueError for anything else.
    """
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the signing secret is not whsec_ followed by base64") from None


def headers(identity: str, at: datetime, body: bytes, secret: str) -> dict[str, str]:
    """The three headers for a body sent at a moment. The id stays the same when it is sent again."""
    timestamp = str(int(at.timestamp()))
    signed = hmac.new(key(secret), f"{identity}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identity,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
