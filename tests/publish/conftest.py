"""Two sites as they are read."""

import pytest
from flask.testing import FlaskClient

from civic.library import load
from tests.publish.test_pages import DISTRICT, NOW, SMALL, reader


@pytest.fixture(scope="session")
def client() -> FlaskClient:
    """The small site on 16 August 2023, nine o'clock."""
    return reader(load(SMALL, NOW))


@pytest.fixture(scope="session")
def district() -> FlaskClient:
    """The district's own content at the same time."""
    return reader(load(DISTRICT, NOW))
