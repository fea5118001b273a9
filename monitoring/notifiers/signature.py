"""Standard Webhooks 1.0: how a receiver knows that a request is ours, and not an old one sent again.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

PREFIX = "whsec_"
TOLERANCE = timedelta(minutes=5)
LONGEST, MOST = 200, 10
"""Letters of an id, and how many signatures are looked at."""


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


class NotGenuine(ValueError):
    """A request that is not to be believed; the words say why."""


def verify(given: Mapping[str, str], body: bytes, secret: str, now: datetime, tolerance: timedelta = TOLERANCE) -> str:
    """The id of a request that is genuine: signed with the secret, and within `tolerance` of now. Raises NotGenuine.

    `given` are its headers by names in small letters. Several signatures (a secret that is being changed) may stand in
    one header, with spaces between. Compared in constant time.
    """
    identity, written, signatures = (given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not identity or not written or not signatures:
        raise NotGenuine("webhook-id, webhook-timestamp and webhook-signature are needed")
    if len(identity) > LONGEST or not re.fullmatch(r"[0-9]{1,12}", written):
        raise NotGenuine("webhook-id or webhook-timestamp is none")
    signed = f"{identity}.{written}.".encode() + body
    wanted = hmac.new(key(secret), signed, hashlib.sha256).digest()
    genuine = False
    for one in signatures.split(" ")[:MOST]:
        version, _, text = one.partition(",")
        try:
            found = base64.b64decode(text, validate=True)
        except binascii.Error:
            continue
        genuine |= version == "v1" and hmac.compare_digest(found, wanted)
    if not genuine:
        raise NotGenuine("the signature does not fit: is the secret the same, and the body unchanged?")
    age = now - datetime.fromtimestamp(int(written), UTC)
    if abs(age) > tolerance:
        seconds = abs(age).total_seconds()
        when = "old" if age > timedelta(0) else "in the future"
        raise NotGenuine(f"it is {seconds:.0f} s {when}: at most {tolerance.total_seconds():.0f} s are let through")
    return identity
