"""From text to one parsed SELECT, within bounds that are checked before anything recurses.

Words that no understood statement has are refused as tokens, so that the parser only meets a small part of its own
grammar: no types, no subqueries, no functions with clauses.
"""

import logging
from typing import Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from sfumato_executor.engines.smartnoise_sql.rejections import rejected

MAX_BYTES: Final = 65_536
MAX_WORDS: Final = 2_000
"""Words, literals and signs of a statement."""
MAX_NESTING: Final = 8
"""Brackets open at once, and prefix signs in a row."""

# sqlglot quotes statements in its warnings, and statements hold literals.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())
logging.getLogger("sqlglot").propagate = False

_T: Final = TokenType
_PREFIXES: Final = frozenset((_T.NOT, _T.DASH))
_KNOWN: Final = _PREFIXES | {
    _T.SELECT, _T.FROM, _T.WHERE, _T.GROUP_BY, _T.ORDER_BY, _T.LIMIT, _T.ASC, _T.DESC, _T.ALIAS, _T.DISTINCT,
    _T.VAR, _T.IDENTIFIER, _T.NUMBER, _T.STRING, _T.TRUE, _T.FALSE, _T.NULL, _T.STAR, _T.DOT, _T.COMMA, _T.COLON,
    _T.PLACEHOLDER, _T.PARAMETER, _T.L_PAREN, _T.R_PAREN, _T.EQ, _T.NEQ, _T.LT, _T.LTE, _T.GT, _T.GTE,
    _T.AND, _T.OR, _T.IN, _T.BETWEEN, _T.IS,
}  # fmt: skip


def parse(statement: str) -> exp.Select:
    """Return the only SELECT of a statement.

    Raises:
        Refusal: SQL_REJECTED with rule "syntax", "unsupported" or "several_statements".
    """
    if len(statement.encode()) > MAX_BYTES:
        raise rejected("unsupported", f"a statement has at most {MAX_BYTES} bytes", hint="shorten its lists")
    try:
        tokens = DuckDB().tokenize(statement)
    except TokenError:
        raise rejected("syntax", "a quote or comment is not closed", hint="close it") from None
    if len(tokens) > MAX_WORDS:
        message = f"a statement has at most {MAX_WORDS} words and signs"
        raise rejected("unsupported", message, hint="shorten its lists, or ask in several queries")
    tokens = _one_statement(tokens)
    _check(tokens)
    try:
        trees = DuckDB().parser().parse(tokens, statement)
    except ParseError as error:
        place = error.errors[0] if error.errors else {}
        at = (int(place.get("line") or 1), int(place.get("col") or 1))
        raise rejected("syntax", "the statement does not parse", at) from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError):
        raise rejected("syntax", "the statement does not parse") from None  # what sqlglot did not foresee
    if len(trees) != 1 or type(trees[0]) is not exp.Select:
        raise rejected("unsupported", "a statement is one SELECT")
    return trees[0]


def _one_statement(tokens: list[Token]) -> list[Token]:
    end = next((i for i, token in enumerate(tokens) if token.token_type is _T.SEMICOLON), len(tokens))
    behind = next((token for token in tokens[end:] if token.token_type is not _T.SEMICOLON), None)
    if behind is not None:
        raise rejected("several_statements", "one statement a query", _at(behind), hint="send one SELECT statement")
    if not end or tokens[0].token_type is not _T.SELECT:
        raise rejected("unsupported", "a statement begins with SELECT")
    return tokens[:end]


def _check(tokens: list[Token]) -> None:
    depth = prefixes = 0
    for index, token in enumerate(tokens):
        kind = token.token_type
        prefixes = prefixes + 1 if kind in _PREFIXES else 0
        depth += (kind is _T.L_PAREN) - (kind is _T.R_PAREN)
        if depth > MAX_NESTING or prefixes > MAX_NESTING:
            message = f"brackets and signs nest at most {MAX_NESTING} deep"
            raise rejected("unsupported", message, _at(token), hint="take redundant brackets away")
        is_named = index > 0 and tokens[index - 1].token_type in (_T.ALIAS, _T.DOT)
        if (kind not in _KNOWN and not is_named and not _is_word_of_function(tokens, index)) or (
            index > 0 and (kind is _T.SELECT or (kind is _T.ALIAS and depth > 0))
        ):
            hint = _HINTS.get(kind, "")
            raise rejected("unsupported", f"{_told(token)} is not understood here", _at(token), hint=hint)


def _is_word_of_function(tokens: list[Token], index: int) -> bool:
    """Whether a word is one that sqlglot has a token of its own for and that may yet be a name: a column "date"."""
    follows = tokens[index + 1].token_type if index + 1 < len(tokens) else None
    return tokens[index].text.isidentifier() and tokens[index].token_type.name in _NAMES and follows is not _T.L_PAREN


_NAMES: Final = frozenset(("DATE", "TEXT", "YEAR", "TIME", "TIMESTAMP", "SCHEMA", "INDEX", "NAME", "VIEW", "SESSION"))
_HINTS: Final = {
    _T.HAVING: "filter the groups of the answer on the client; its noise is drawn either way",
    _T.JOIN: "a statement reads one table",
    _T.UNION: "ask one SELECT a query",
    _T.SELECT: "a statement reads one table, with no SELECT inside",
    _T.ALIAS: "name what is selected, not what is inside brackets",
}


def _told(token: Token) -> str:
    return token.token_type.name.replace("_", " ")[:32]


def _at(token: Token) -> tuple[int, int]:
    return token.line, max(1, token.col - len(token.text) + 1)
