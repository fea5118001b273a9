"""Replay a year of requests over HTTP against the real service, with real incidents on the way.

Latency and status in the logs are what the service measured. During an incident's window (in the data's own
time) the machine is really starved of CPU, or the weather service is really killed.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from forecast import Recipe

CONNECTIONS = 4
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Incident:
    """What was done to the service, between two moments of the data's time."""

    kind: str
    start: str
    end: str

    def covers(self, at: pd.Timestamp) -> bool:
        """Whether a moment lies inside."""
        return pd.Timestamp(self.start, tz="UTC") <= at < pd.Timestamp(self.end, tz="UTC")


INCIDENTS = {
    "arrival-delay-risk": (
        Incident("dead weather service", "2013-05-14T14:00", "2013-05-14T17:00"),
        Incident("starved CPU", "2013-07-18T16:00", "2013-07-18T20:00"),
        Incident("starved CPU", "2013-09-24T15:00", "2013-09-24T21:00"),
    ),
    "air-time-eta": (
        Incident("starved CPU", "2013-06-06T18:00", "2013-06-06T22:00"),
        Incident("dead weather service", "2013-09-19T13:00", "2013-09-19T16:00"),
    ),
}


def replay(key: str, recipe: Recipe, model: Path, rows: pd.DataFrame, raw: Path, log: Path) -> pd.DataFrame:
    """Send every row as a request, in order; return the service's own log."""
    with tempfile.TemporaryDirectory() as folder:
        socket, weather_socket = f"{folder}/http", f"{folder}/weather"
        weather = _weather(raw, weather_socket)
        environment = os.environ | {
            "LEEWAY_DEMO_MODEL": str(model),
            "LEEWAY_DEMO_LOG": str(log),
            "LEEWAY_DEMO_WEATHER": weather_socket,
            "PYTHONPATH": str(HERE),
        }
        command = [sys.executable, "-m", "uvicorn", "serve:app", "--uds", socket]
        command += ["--no-access-log", "--log-level", "warning"]
        server = subprocess.Popen(command, env=environment)
        while not Path(socket).exists():
            time.sleep(0.1)
        try:
            for incident, part in _stretches(key, rows):
                if incident is not None and incident.kind == "dead weather service":
                    weather.send_signal(signal.SIGKILL)
                    weather.wait()
                    asyncio.run(_send(socket, recipe, part))
                    Path(weather_socket).unlink()
                    weather = _weather(raw, weather_socket)
                elif incident is not None:
                    _starved(socket, recipe, part)
                else:
                    asyncio.run(_send(socket, recipe, part))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
            weather.kill()
    return pd.read_parquet(log)


def _stretches(key: str, rows: pd.DataFrame):
    """Runs of rows under the same incident (or none), in order."""
    which = rows["predicted_at"].map(lambda at: next((n for n, i in enumerate(INCIDENTS[key]) if i.covers(at)), -1))
    for _, part in rows.groupby((which != which.shift()).cumsum(), sort=False):
        number = which[part.index[0]]
        yield (INCIDENTS[key][number] if number >= 0 else None), part


def _weather(raw: Path, path: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "weather_service.py"), str(raw), path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _burn() -> None:
    while True:
        sum(range(10_000))


def _starved(socket: str, recipe: Recipe, rows: pd.DataFrame) -> None:
    """Sixteen busy processes want the same cores."""
    burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(16)]
    for burner in burners:
        burner.start()
    try:
        asyncio.run(_send(socket, recipe, rows))
    finally:
        for burner in burners:
            burner.kill()


async def _send(socket: str, recipe: Recipe, rows: pd.DataFrame) -> None:
    """All rows, over a few connections that are kept open."""
    own = [n for n in recipe.features if n not in ("temp", "humid", "wind_speed", "precip", "pressure", "visib")]
    names = ["prediction_id", "predicted_at", "weather_hour", *own]
    pending = iter(rows[names].itertuples(index=False))

    async def connection() -> None:
        reader, writer = await asyncio.open_unix_connection(socket)
        for row in pending:
            body = json.dumps(
                {
                    "prediction_id": int(row.prediction_id),
                    "at": row.predicted_at.isoformat(),
                    "weather_hour": row.weather_hour.strftime("%Y-%m-%dT%H"),
                    "inputs": {n: getattr(row, n) for n in own},
                }
            ).encode()
            head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            writer.write(f"{head}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
