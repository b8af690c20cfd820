"""For those who run it: is it alive, is it ready, what has it done, what does the API look like."""

from __future__ import annotations

import ipaddress

from flask import Blueprint, Response, jsonify, request

from civic.content.poll import Poll
from civic.errors import NotFound
from forms_api.describe import describe_api
from forms_api.services import services

operations = Blueprint("operations", __name__)


@operations.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@operations.get("/readyz")
def readyz() -> Response:
    """The store can take entries; 503 with what is wrong when it cannot."""
    trouble = services().intake.store.trouble
    answer = jsonify(status="trouble" if trouble else "ok", trouble=trouble)
    answer.status_code = 503 if trouble else 200
    return answer


@operations.get("/metrics")
def metrics() -> Response:
    """Counters in Prometheus' text format; from this machine only, unless MADANG_METRICS=open."""
    if services().settings.metrics != "open" and not _is_local(request.remote_addr or ""):
        raise NotFound
    return Response(services().metrics.text(), content_type="text/plain; version=0.0.4; charset=utf-8")


@operations.get("/api/openapi.json")
def openapi() -> Response:
    """The API, described from the same forms that check the posts."""
    library = services().shelf
    polls = [each for each in library.of("vote") if isinstance(each, Poll)]
    answer = jsonify(describe_api(services().site, library.subjects(), polls))
    answer.headers["Cache-Control"] = "public, max-age=60"
    return answer


def _is_local(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
