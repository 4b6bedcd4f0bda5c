"""From text to one parsed SELECT, within bounds that are checked before anything recurses.

Dialect: DuckDB's, because its `/` divides as real numbers like Function.DIVIDE, it has QUANTILE and MEDIAN, lists in
brackets for edges of bins, and the standard's PERCENTILE_CONT besides; its quoted names take hyphens.
"""

import logging
import re
from itertools import islice
from typing import Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

from sfumato_gateway.sql.refusals import START, Position, position_at, sql_rejected

MAX_BYTES: Final = 65_536
"""Of a statement as UTF-8; the contract's bound."""
MAX_WORDS: Final = 3_000
"""Words, literals and signs of a statement: what tokenizer and parser take some 20 ms for."""
MAX_NESTING: Final = 16
"""Brackets, CASEs and prefix operators open at once: the depth of a plan's expressions."""

# sqlglot quotes statements in its warnings, and statements hold literals.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())
logging.getLogger("sqlglot").propagate = False

_WORD: Final = re.compile(r"""'(?:[^']|'')*'?|"(?:[^"]|"")*"?|--[^\n]*|\w+|[^\s\w]""")
_OPENING: Final = frozenset((TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE))
_CLOSING: Final = frozenset((TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END))
_BEFORE_LIST: Final = frozenset((TokenType.L_PAREN, TokenType.COMMA, TokenType.ARRAY))
_PREFIXES: Final = frozenset((TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE, TokenType.INTERVAL))

_SORT: Final = "rows leave sorted by key; sort and cut them on the client: the answer is yours to work on, free"
_ONE_TABLE: Final = "a statement reads one table; a subquery, join or WITH would need its own proof of contribution"
_REFUSED_WORDS: Final[dict[TokenType, tuple[str, str]]] = {
    TokenType.UNION: ("UNION", "ask one SELECT a query and put the answers together on the client"),
    TokenType.EXCEPT: ("EXCEPT", "ask one SELECT a query and put the answers together on the client"),
    TokenType.INTERSECT: ("INTERSECT", "ask one SELECT a query and put the answers together on the client"),
    TokenType.WITH: ("WITH", _ONE_TABLE),
    TokenType.JOIN: ("JOIN", _ONE_TABLE),
    TokenType.ORDER_BY: ("ORDER BY", _SORT),
    TokenType.LIMIT: ("LIMIT", _SORT),
    TokenType.FETCH: ("FETCH", _SORT),
    TokenType.HAVING: ("HAVING", "filter the groups of the answer on the client; its noise is drawn either way"),
    TokenType.QUALIFY: ("QUALIFY", "window functions have no bounded sensitivity; use GROUP BY"),
    TokenType.ARROW: ("->", "a lambda is code, and none is run for a client"),
    TokenType.TABLE_SAMPLE: ("TABLESAMPLE", "leave sampling out; state a smaller loss instead"),
}


class _BoundedParser(DuckDBParser):
    """Stops when it moves much more often than there are words: some nested types take it 2^depth moves."""

    moves_left: int = 0

    def _advance(self, times: int = 1) -> None:
        self.moves_left -= 1
        if self.moves_left < 0:
            raise _OutOfMovesError
        super()._advance(times)


class _OutOfMovesError(Exception):
    """The parser went back and forth too often."""


def parse_statement(statement: str) -> exp.Select:
    """Return the only SELECT of a statement, parsed.

    Raises:
        Refusal: SQL_REJECTED with rule "syntax", "unsupported" or "several_statements".
    """
    if not statement.strip():
        raise sql_rejected("syntax", "the statement is empty", hint="SELECT COUNT(*) AS n FROM …")
    if (
        len(statement.encode()) > MAX_BYTES
        or sum(1 for _ in islice(_WORD.finditer(statement), MAX_WORDS + 1)) > MAX_WORDS
    ):
        raise sql_rejected(
            "unsupported",
            f"a statement has at most {MAX_BYTES} bytes and {MAX_WORDS} words and signs",
            hint="shorten the lists, or send a plan, whose lists may have 10,000 items",
        )
    try:
        tokens = DuckDB().tokenize(statement)
    except TokenError as error:
        raise sql_rejected("syntax", "a quote or comment is not closed") from error
    tokens = _one_statement(statement, tokens)
    _check_words(statement, tokens)
    return _parsed(statement, tokens)


def _place(statement: str, token: Token) -> Position:
    return position_at(statement, token.start)


def _one_statement(statement: str, tokens: list[Token]) -> list[Token]:
    """Return the tokens without a closing semicolon; refuse anything behind it, and what is no SELECT."""
    if not tokens:
        raise sql_rejected("syntax", "the statement is empty", hint="SELECT COUNT(*) AS n FROM …")
    end = next((i for i, token in enumerate(tokens) if token.token_type is TokenType.SEMICOLON), len(tokens))
    behind = next((token for token in tokens[end:] if token.token_type is not TokenType.SEMICOLON), None)
    if behind is not None:
        raise sql_rejected(
            "several_statements",
            "one statement a query",
            _place(statement, behind),
            hint="each statement is a query of its own, priced by itself",
        )
    if end == 0 or tokens[0].token_type not in (TokenType.SELECT, TokenType.WITH):
        raise sql_rejected(
            "unsupported",
            "a statement begins with SELECT",
            _place(statement, tokens[0]),
            nearest="SELECT COUNT(*) AS n FROM …",
        )
    return tokens[:end]


def _check_words(statement: str, tokens: list[Token]) -> None:
    """Refuse nesting that is too deep, and words that no supported statement has."""
    depth = prefixes = 0
    for index, token in enumerate(tokens):
        kind = token.token_type
        prefixes = prefixes + 1 if kind in _PREFIXES else 0
        depth += (kind in _OPENING) - (kind in _CLOSING)
        if depth > MAX_NESTING or prefixes > MAX_NESTING:
            raise sql_rejected(
                "unsupported",
                f"brackets, CASEs and signs nest at most {MAX_NESTING} deep",
                _place(statement, token),
                hint="take redundant brackets away",
            )
        _check_name(statement, tokens, index)
        if kind is TokenType.ORDER_BY and _follows(tokens, index, "WITHIN", "GROUP", "("):
            continue  # PERCENTILE_CONT(…) WITHIN GROUP (ORDER BY …)
        if kind is TokenType.SELECT and index:
            raise sql_rejected("unsupported", "a SELECT within a SELECT", _place(statement, token), hint=_ONE_TABLE)
        if kind in _REFUSED_WORDS and not _is_name(tokens, index):
            word, hint = _REFUSED_WORDS[kind]
            raise sql_rejected("unsupported", f"{word} is not understood", _place(statement, token), hint=hint)


def _follows(tokens: list[Token], index: int, *words: str) -> bool:
    """Return whether these words stand right before a token."""
    return [each.text.upper() for each in tokens[max(0, index - len(words)) : index]] == list(words)


def _check_name(statement: str, tokens: list[Token], index: int) -> None:
    """Refuse subscripts and names with several dots, which the parser reads in quadratic time."""
    kind = tokens[index].token_type
    if kind is TokenType.L_BRACKET and (not index or tokens[index - 1].token_type not in _BEFORE_LIST):
        place = _place(statement, tokens[index])
        raise sql_rejected("unsupported", "a list stands as an argument; there are no subscripts", place)
    if kind is TokenType.DOT and index > 1 and tokens[index - 2].token_type is TokenType.DOT:
        place = _place(statement, tokens[index])
        raise sql_rejected("unsupported", "a name has one dot at most", place, nearest="table.column")


def _is_name(tokens: list[Token], index: int) -> bool:
    """Return whether a key word stands where only a name can stand: behind a dot or AS."""
    return index > 0 and tokens[index - 1].token_type in (TokenType.DOT, TokenType.ALIAS)


def _parsed(statement: str, tokens: list[Token]) -> exp.Select:
    parser = _BoundedParser(dialect="duckdb")
    parser.moves_left = 200 + 40 * len(tokens)
    try:
        trees = parser.parse(tokens, statement)
    except ParseError as error:
        raise _syntax(statement, tokens, error) from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        # sqlglot on statements that it did not foresee.
        raise sql_rejected("syntax", "the statement does not parse") from None
    except (_OutOfMovesError, RecursionError):
        raise sql_rejected(
            "unsupported",
            "the statement nests types or operators too deeply",
            hint="write CAST(x AS DOUBLE), with a type that has no parts",
        ) from None
    if len(trees) != 1 or type(trees[0]) is not exp.Select:
        raise sql_rejected("unsupported", "a statement is one SELECT", START, nearest="SELECT COUNT(*) AS n FROM …")
    return trees[0]


def _syntax(statement: str, tokens: list[Token], error: ParseError) -> Exception:
    """Return the refusal for what the parser could not read, at the place that it names."""
    first = error.errors[0] if error.errors else {}
    line, end_column = first.get("line"), first.get("col")
    if not isinstance(line, int) or not isinstance(end_column, int):
        return sql_rejected("syntax", "the statement does not parse")
    # sqlglot names the last character of the word.
    token = next((each for each in tokens if each.line == line and each.col == end_column), tokens[-1])
    word = token.text if token.token_type in (TokenType.VAR, TokenType.IDENTIFIER) else token.token_type.name
    return sql_rejected("syntax", f"the statement does not parse near {word[:64]}", _place(statement, token))
