"""The writing side: takes sign-ups, answers look-ups, serves the finished site beside them."""

from forms_api.app import create_app

__all__ = ["create_app"]
