"""GET /api/status: the state of every form in one small document. No counting here."""

from __future__ import annotations

from flask import Blueprint, Response, request

from forms_api.files import written
from forms_api.services import services

status = Blueprint("status", __name__)


@status.get("/api/status")
def show() -> Response:
    """The state of all forms."""
    answer = written(services().board.read(), "application/json")
    answer.headers["Cache-Control"] = "public, max-age=1"
    return answer.make_conditional(request)  # type: ignore[return-value]  # werkzeug types its own Response
