"""Ports of this machine for servers of the tests' own."""

from __future__ import annotations

import random
import socket

RANGE = range(20_000, 32_000)
"""Below those that systems hand out by themselves: no connection that is made meanwhile gets one of them."""


def free_port() -> int:
    """A port that nobody listens on, drawn at random, so that tests that run beside one another draw others."""
    chance = random.SystemRandom()
    while True:
        with socket.socket() as held:
            try:
                held.bind(("127.0.0.1", port := chance.choice(RANGE)))
            except OSError:
                continue
            return port
