"""Channels in the fleet file: `channels:`, a list of documents that each kind reads in its own way."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from monitoring.errors import ChannelError
from monitoring.notifiers.channel import Channel
from monitoring.notifiers.registry import parse


def _of_its_kind(value: Any) -> Any:
    if isinstance(value, Channel):
        return value
    try:
        return parse(value)
    except ChannelError as error:
        raise ValueError(error.what.rstrip(".")) from None


AnyChannel = Annotated[Channel, BeforeValidator(_of_its_kind)]
"""A channel of whatever kind its document names."""
