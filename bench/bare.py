"""A bare Flask app that reads the same JSON, answers 201 and keeps nothing, served as our server is. For measuring only.

python bench/bare.py <what `python -m forms_api serve` takes>
"""

import os
import sys
import threading
from pathlib import Path

from flask import Flask, Response, jsonify, request

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from forms_api.commands import serve as serving


def begin(plan: serving.Plan) -> Flask:
    """In each serving process."""
    app = Flask("bare", static_folder=None)

    @app.post("/api/forms/<folder>/<slug>")
    def take(folder: str, slug: str) -> tuple[Response, int]:
        return jsonify(number=request.get_json()["submission_id"], state="confirmed"), 201

    (plan.shared / f"begun-{os.getpid()}").touch()
    threading.Thread(target=serving.follow_parent, daemon=True).start()
    return app


if __name__ == "__main__":
    serving.begin = begin
    serving.serve()
