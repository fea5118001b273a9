"""Dashboard and worker together: start both, say where, stop both."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from monitoring.settings import Settings, SettingsError, variable

PATIENCE = 60.0
GRACE = 10.0


def run(settings: Settings, root: Path) -> int:
    """Until Ctrl-C, SIGTERM, or the end of either. Raises SettingsError when the port is taken."""
    _check_port(settings)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    web = [
        sys.executable,
        "-m",
        "uvicorn",
        "app:app",
        "--app-dir",
        str(root),
        "--log-level",
        "warning",
        "--no-access-log",
    ]
    web += ["--host", settings.address, "--port", str(settings.port)]
    # in sessions of their own, so that Ctrl-C reaches them through us alone, once and in order
    options = {"env": environment, "start_new_session": True}
    parts = [
        subprocess.Popen(web, **options),  # type: ignore[call-overload]
        subprocess.Popen([sys.executable, "-m", "monitoring", "worker"], **options),  # type: ignore[call-overload]
    ]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        address = f"http://{settings.address}:{settings.port}"
        if _answers(f"{address}/healthz", parts):
            print(f"\nLeeway is up: {address}\nCtrl-C stops it.", flush=True)
        while all(part.poll() is None for part in parts):
            time.sleep(0.5)
        ended = next(part for part in parts if part.poll() is not None)
        print(
            f"leeway: the {'dashboard' if ended is parts[0] else 'worker'} ended with {ended.returncode}",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("\nStopping.", flush=True)
        return 0
    finally:
        _stop(parts)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _check_port(settings: Settings) -> None:
    """A plain sentence now is better than a traceback of the server's later."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.address, settings.port))
        except OSError as error:
            raise SettingsError(
                f"{settings.address}:{settings.port} cannot be used: {error.strerror}",
                where=variable("port"),
                mend="Is Leeway running already? Set another port.",
            ) from error


def _answers(url: str, parts: list[subprocess.Popen[bytes]]) -> bool:
    """Wait for the dashboard; False when a part ends first, or never answers."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and all(part.poll() is None for part in parts):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except OSError:
            time.sleep(0.2)
    return False


def _stop(parts: list[subprocess.Popen[bytes]]) -> None:
    for part in parts:
        if part.poll() is None:
            part.send_signal(signal.SIGTERM)
    until = time.monotonic() + GRACE
    for part in parts:
        try:
            part.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            part.kill()
