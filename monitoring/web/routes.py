"""HTTP routes beside the dashboard."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from monitoring.errors import LeewayError
from monitoring.settings import load
from monitoring.store.database import connect, reading
from monitoring.store.queries.fleet import heartbeat
from monitoring.web.api import Api
from monitoring.web.metrics import Exporter

SANDBOX = {
    # made from logs, so it never runs in the dashboard's origin
    "Content-Security-Policy": "sandbox allow-scripts allow-downloads; default-src 'none'; "
    "script-src 'unsafe-inline' 'unsafe-eval' data: blob:; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; "
    "worker-src blob:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def routes() -> list[Route]:
    """All of them."""
    exporter = Exporter()

    def metrics(request: Request) -> Response:
        """How Leeway and the models are doing, for Prometheus."""
        store = connect(load().database)
        try:
            return Response(exporter.text(store, datetime.now(UTC)), media_type=CONTENT_TYPE_LATEST)
        except SQLAlchemyError as error:
            return PlainTextResponse(f"The database does not answer: {type(error).__name__}", 503)
        finally:
            store.dispose()

    own = [Route("/healthz", healthz), Route("/metrics", metrics), Route("/v1/reports/{name}", report)]
    return [*own, *Api().routes()]


def healthz(request: Request) -> Response:
    """200 when the database answers; says how long ago the worker gave a sign of life."""
    try:
        store = connect(load().database)
        with reading(store) as session:
            at = heartbeat(session)
        store.dispose()
    except (LeewayError, SQLAlchemyError) as error:
        return JSONResponse({"status": "failed", "reason": type(error).__name__}, status_code=503)
    age = None if at is None else (datetime.now(UTC) - at) / timedelta(seconds=1)
    return JSONResponse({"status": "ok", "worker_seconds_ago": None if age is None else round(age, 1)})


def report(request: Request) -> Response:
    """A cached Evidently report, sandboxed; `?download` saves it."""
    name = request.path_params["name"]
    path = load().home / "reports" / f"{name}.html"
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name) or name.startswith(".") or not path.is_file():
        return PlainTextResponse("No such report; it may have been cleared. Ask for it again on the Drift page.", 404)
    as_file = "download" in request.query_params
    return FileResponse(
        path,
        media_type="text/html",
        headers=SANDBOX,
        filename=f"{name}.html" if as_file else None,
        content_disposition_type="attachment" if as_file else "inline",
    )
