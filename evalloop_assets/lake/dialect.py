"""The portable dialect: DuckDB's SQL less what Spark would run differently without a word.

Measured on both engines (docs/decisions/0003-portable-dialect.md); `unsupported_level=RAISE` finds none of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from sqlglot import TokenType, exp, parse, tokenize
from sqlglot.errors import ParseError, TokenError

_INTEGERS = {exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT}
_WHOLE = (exp.Floor, exp.Ceil, exp.Count, exp.RowNumber, exp.Length, exp.Sum, exp.Max, exp.Min, exp.DateDiff)
_MOVING = {"random", "uuid", "gen_random_uuid", "now", "today", "get_current_timestamp", "transaction_timestamp"}
_CALLS = {
    "epoch": "loses fractions of a second on Spark; use epoch_ms(t)",
    "date_diff": "counts boundaries on DuckDB and complete units on Spark; subtract dates or epoch_ms",
    "datediff": "counts boundaries on DuckDB and complete units on Spark; subtract dates or epoch_ms",
    "hash": "differs between engines; use md5",
    "strlen": "counts bytes; use length",
    "week": "numbers weeks differently; compute from the date",
    "quantile_cont": "becomes an approximation on Spark; use percentile_cont(p) WITHIN GROUP (ORDER BY x)",
    "quantile": "becomes an approximation on Spark; use percentile_cont(p) WITHIN GROUP (ORDER BY x)",
    "median": "becomes another function on Spark; use percentile_cont(5e-1) WITHIN GROUP (ORDER BY x)",
    "approx_quantile": "is approximate; use percentile_cont(p) WITHIN GROUP (ORDER BY x)",
    "approx_count_distinct": "is approximate; use count(DISTINCT x)",
}


def broken_rules(query: str) -> list[str]:
    """What is not portable in this SELECT, one sentence each; empty where all is well."""
    try:
        statements = parse(query, read="duckdb")
    except (ParseError, TokenError) as error:
        return [f"is no SQL: {str(error).splitlines()[0]}"]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        return ["holds more than one SELECT, or none"]
    tree = statements[0]
    found = _calls(query) + [sentence for rule in _RULES for sentence in rule(tree)]
    return list(dict.fromkeys(found))


def _calls(query: str) -> list[str]:
    tokens = tokenize(query, read="duckdb")
    names = {
        token.text.lower()
        for token, following in pairwise(tokens)
        if following.token_type == TokenType.L_PAREN and token.token_type != TokenType.STRING
    }
    found = [f"{name}() {reason}" for name, reason in _CALLS.items() if name in names]
    words = {token.text.lower() for token in tokens if token.token_type not in (TokenType.STRING,)}
    moving = sorted(_MOVING & names) + sorted({"current_timestamp", "current_date"} & words)
    return found + [f"{name} changes from run to run; take time and chance from a table" for name in moving]


def _decimal_literals(tree: exp.Expr) -> list[str]:
    return [
        f"{literal.this} is a DECIMAL; write {_as_double(literal.this)}"
        for literal in tree.find_all(exp.Literal)
        if not literal.is_string and re.fullmatch(r"\d*\.\d*", literal.this)
    ]


def _as_double(number: str) -> str:
    mantissa, _, exponent = f"{float(number):e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def _integer_casts(tree: exp.Expr) -> list[str]:
    return [
        f"{cast.sql('duckdb')} rounds on DuckDB and truncates on Spark; floor or round first"
        for cast in tree.find_all(exp.Cast)
        if cast.to.this in _INTEGERS and not _is_whole(cast.this)
    ]


def _is_whole(inner: exp.Expr) -> bool:
    fractional = (exp.Div, exp.Avg, exp.PercentileCont, exp.Stddev, exp.Sqrt, exp.Ln, exp.Exp, exp.Pow)
    if isinstance(inner, exp.Paren):
        return _is_whole(inner.this)
    if isinstance(inner, (exp.Round, *_WHOLE)):
        return True
    if inner.find(*fractional) is not None:
        return False
    return not any(
        not literal.is_string and re.search(r"[.e]", literal.this, re.IGNORECASE)
        for literal in inner.find_all(exp.Literal)
    )


def _ordered_lists(tree: exp.Expr) -> list[str]:
    return [
        f"{node.sql('duckdb')} loses its order on Spark; sort the finished list"
        for node in tree.find_all(exp.ArrayAgg, exp.GroupConcat)
        if node.find(exp.Order) is not None
    ]


def _starred_qualify(tree: exp.Expr) -> list[str]:
    return [
        "SELECT * with QUALIFY leaks a column on Spark; name the columns"
        for select in tree.find_all(exp.Select)
        if select.args.get("qualify") and any(isinstance(item, exp.Star) or item.is_star for item in select.selects)
    ]


def _first_match_only(tree: exp.Expr) -> list[str]:
    return [
        f"{node.sql('duckdb')} replaces one match on DuckDB and all on Spark; pass 'g'"
        for node in tree.find_all(exp.RegexpReplace)
        if "g" not in (node.args["modifiers"].name if node.args.get("modifiers") else "")
    ]


def _asof(tree: exp.Expr) -> list[str]:
    return [
        "ASOF joins do not run on Spark; join on a range"
        for join in tree.find_all(exp.Join)
        if join.args.get("method") == "ASOF"
    ]


def _unguarded_division(tree: exp.Expr) -> list[str]:
    return [
        f"{node.sql('duckdb')} may divide by zero, an error on Spark; wrap the divisor in NULLIF(…, 0)"
        for node in tree.find_all(exp.Div)
        if not isinstance(node.expression.unnest(), exp.Nullif)
        and not (isinstance(node.expression.unnest(), exp.Literal) and float(node.expression.unnest().this) != 0)
    ]


_RULES: tuple[Callable[[exp.Expr], list[str]], ...] = (
    _decimal_literals,
    _integer_casts,
    _ordered_lists,
    _starred_qualify,
    _first_match_only,
    _asof,
    _unguarded_division,
)
