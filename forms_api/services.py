"""What every view of one app shares. Nothing here is global: two apps in one process do not mix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import current_app

from civic.clock import Clock
from civic.content.pages import Site
from civic.places.intake import Intake
from forms_api.board import StatusBoard
from forms_api.files import Files
from forms_api.limits import Limits
from forms_api.log import EventLog
from forms_api.metrics import Metrics
from forms_api.render import Renderer
from forms_api.settings import Settings
from forms_api.shelf import Shelf
from forms_api.tokens import Receipts


@dataclass(frozen=True)
class Services:
    """The parts of one running app."""

    settings: Settings
    shelf: Shelf
    intake: Intake
    clock: Clock
    receipts: Receipts
    limits: Limits
    metrics: Metrics
    log: EventLog
    renderer: Renderer
    board: StatusBoard
    site_dir: Path
    files: Files

    @property
    def site(self) -> Site:
        """What site.toml says now."""
        return self.shelf.site


def services() -> Services:
    """Those of the app that answers now."""
    return cast(Services, current_app.extensions["madang"])
