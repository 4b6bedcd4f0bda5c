"""Page tokens: where the next page begins, bound to the list that they belong to.

A token hides nothing and grants nothing: every page checks access again. The digest only tells tokens of one list from
those of another.
"""

import base64
import binascii
from typing import Final

from sfumato_mesh.digests import sha256
from sfumato_mesh.refusals import page_token_invalid

_DIGEST_LENGTH: Final = 8
_SIZE_DEFAULT: Final = 100
_SIZE_MAX: Final = 1000
_NUMBER_DIGITS: Final = 18  # below 2^63


def page_size(requested: int) -> int:
    """Return how many items a page holds: 100 where 0 is asked, never above 1000."""
    return min(requested, _SIZE_MAX) if requested > 0 else _SIZE_DEFAULT


def page_token(conditions: str, after: str) -> str:
    """Return the token of the page behind the item `after`, in the list with these conditions."""
    position = after.encode()
    return base64.urlsafe_b64encode(_digest(conditions, position) + position).decode()


def page_start(conditions: str, token: str) -> str:
    """Return the item behind which a page begins; "" for the first.

    Raises:
        Refusal: PAGE_TOKEN_INVALID for a token of another list.
    """
    if not token:
        return ""
    try:
        content = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        digest, position = content[:_DIGEST_LENGTH], content[_DIGEST_LENGTH:]
        if digest == _digest(conditions, position):
            return position.decode()
    except (binascii.Error, UnicodeError):
        pass
    raise page_token_invalid()


def page_number(conditions: str, token: str) -> int | None:
    """Return the number of the item behind which a page begins; None for the first.

    Anybody can make a token, so what it says is not trusted to be a number.

    Raises:
        Refusal: PAGE_TOKEN_INVALID, as `page_start`, and for what no page of numbered items ends with.
    """
    start = page_start(conditions, token)
    if not start:
        return None
    if not (start.isascii() and start.isdecimal() and len(start) <= _NUMBER_DIGITS):
        raise page_token_invalid()
    return int(start)


def _digest(conditions: str, position: bytes) -> bytes:
    return sha256(b"sfumato page\n" + conditions.encode() + b"\n" + position)[:_DIGEST_LENGTH]
