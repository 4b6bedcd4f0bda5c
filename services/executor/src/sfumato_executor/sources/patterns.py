"""Names with *: any characters of one path segment, and nothing else is special."""

import re

from sfumato_executor.sources.refusal import SourceRefusedError

WILDCARD = "*"


def checked(name: str) -> str:
    """A relative name without "..", "." and empty segments. Raises SourceRefusedError for any other."""
    segments = name.split("/")
    if any(segment in ("", ".", "..") for segment in segments) or "\0" in name or "\\" in name:
        raise SourceRefusedError(f"{name!r} is not a relative name without '..'")
    return name


def expression(name: str) -> re.Pattern[str]:
    """What a name with * matches, as a whole."""
    return re.compile("[^/]*".join(re.escape(part) for part in name.split(WILDCARD)))


def fixed_prefix(name: str) -> str:
    """The part before the first *."""
    return name.split(WILDCARD, 1)[0]
