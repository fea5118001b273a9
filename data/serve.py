"""A model behind POST /predict: the reference for how a service logs for Leeway.

One row a request goes to a Parquet log: who asked (prediction_id, by which the label finds its prediction), when
(aware, in UTC), the inputs as the model saw them, the score, the version, how long it took, and how it ended. A
failed request is logged as well: without it, availability could not be known. data/fleet.yaml maps these columns.

One thing is simpler here than in a service of yours: the rows are written once, at the end, because the replay
ends. A service that runs on writes a file every few minutes, under a hidden name that it then renames.

    uvicorn serve:app          (the environment names the model: LEEWAY_DEMO_MODEL, _LOG, _WEATHER)
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from fastapi import FastAPI, Response
from forecast import Recipe

VERSION = "1"


class Model:
    """A fitted recipe, served one row at a time through ONNX Runtime."""

    def __init__(self, path: Path) -> None:
        bundle = pickle.loads(path.read_bytes())
        self.recipe: Recipe = bundle["recipe"]
        self.codes: list[dict[str, float]] = bundle["codes"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(bundle["onnx"], options)

    def predict(self, inputs: dict[str, Any]) -> float:
        """Probability of the positive class, or the predicted value."""
        numbers = [np.nan if inputs[n] is None else float(inputs[n]) for n in self.recipe.numbers]
        codes = [known.get(inputs[n], -1.0) for n, known in zip(self.recipe.categories, self.codes, strict=True)]
        row = np.asarray([[*numbers, *codes]], dtype=np.float32)
        out = self.session.run(None, {"X": row})
        return float(out[1][0][1] if self.recipe.classifier else out[0][0][0])


class Weather:
    """Client of the weather service that the model depends on: one line out, one line back, over a socket."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.lock = asyncio.Lock()

    async def at(self, origin: str, hour: str) -> dict[str, float | None]:
        """The report of an hour. Raises OSError when the service is gone."""
        async with self.lock:
            try:
                if self.stream is None:
                    self.stream = await asyncio.open_unix_connection(self.path)
                reader, writer = self.stream
                writer.write(f"{origin} {hour}\n".encode())
                line = await reader.readline()
                if not line:
                    raise ConnectionResetError("the weather service hung up")
                return json.loads(line)
            except OSError:
                self.stream = None
                raise


@asynccontextmanager
async def lifespan(_app: FastAPI):
    """Load the model, and write what is left of the log at the end."""
    app.state.model = Model(Path(os.environ["LEEWAY_DEMO_MODEL"]))
    app.state.weather = Weather(os.environ["LEEWAY_DEMO_WEATHER"])
    app.state.rows = []
    yield
    pd.DataFrame(app.state.rows).to_parquet(os.environ["LEEWAY_DEMO_LOG"])


app = FastAPI(lifespan=lifespan)


@app.post("/predict")
async def predict(request: dict[str, Any], response: Response) -> dict[str, Any]:
    """Answer a request and log it."""
    began = time.perf_counter()
    inputs, score, status = dict(request["inputs"]), None, 200
    try:
        inputs |= await app.state.weather.at(inputs["origin"], request["weather_hour"])
        score = app.state.model.predict(inputs)
    except OSError:
        status = response.status_code = 503
    latency_ms = (time.perf_counter() - began) * 1000
    features = {name: inputs.get(name) for name in app.state.model.recipe.features}
    app.state.rows.append(
        {
            "prediction_id": request["prediction_id"],
            "predicted_at": request["at"],
            **features,
            "score": score,
            "model_version": VERSION,
            "latency_ms": latency_ms,
            "status": status,
        }
    )
    return {"prediction_id": request["prediction_id"], "score": score}
