"""The one error of this program: a server could not be had, and the message says what would change that."""

from __future__ import annotations


class ServiceError(Exception):
    """A part could not be installed, started or reached. The text is written for the person at the terminal."""
