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
    "upper": "makes 'ß' one letter on DuckDB and two on Spark; use lower",
    "log": "is to base 10 on DuckDB and natural on Spark; use ln or log10",
    "sign": "of NaN is 0 on DuckDB and NaN on Spark; use CASE",
    "isnan": "of NULL is NULL on DuckDB and false on Spark; compare with CAST('NaN' AS DOUBLE)",
    "unicode": "of an empty text is -1 on DuckDB and 0 on Spark",
    "dayofweek": "counts from another day on Spark; compute from the date",
    "monthname": "is cut to three letters on Spark; compute from month",
    "format": "knows {} on DuckDB only; use concat",
    "printf": "writes NULL as a word on Spark; use concat",
    "list_distinct": "comes in another order on Spark; aggregate and sort instead",
    "kurtosis": "is of the sample on DuckDB and of the population on Spark; compute from sums",
    "skewness": "is of the sample on DuckDB and of the population on Spark; compute from sums",
    "percentile_disc": "takes another element on Spark; use percentile_cont(p) WITHIN GROUP (ORDER BY x)",
    **dict.fromkeys(
        ("any_value", "arg_max", "arg_min", "first", "last", "max_by", "min_by", "mode"),
        "takes any of several equals; take the first by row_number() over a complete order",
    ),
}
_PLAIN_PARTS = {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "DOY"}
_VARYING = (exp.Corr, exp.RegrSlope, exp.RegrIntercept, exp.RegrR2)


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
    if isinstance(inner, (exp.Round, *_WHOLE)) or (isinstance(inner, exp.Cast) and inner.to.this in _INTEGERS):
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


def _loose_lists(tree: exp.Expr) -> list[str]:
    found = [
        f"{node.sql('duckdb')} comes in any order, on Spark without NULLs; "
        "write list_sort(list(x) FILTER (WHERE x IS NOT NULL))"
        for node in tree.find_all(exp.ArrayAgg)
        if not (isinstance(node.parent, exp.Filter) and isinstance(node.parent.parent, exp.ArraySort))
    ]
    return found + [
        f"{node.sql('duckdb')} comes in any order; join a sorted list" for node in tree.find_all(exp.GroupConcat)
    ]


def _float_texts(tree: exp.Expr) -> list[str]:
    return [
        f"{cast.sql('duckdb')} writes floats otherwise on Spark (1e+20, 1.0E20); cast a whole number"
        for cast in tree.find_all(exp.Cast)
        if cast.to.this in exp.DataType.TEXT_TYPES and not _is_whole(cast.this)
    ]


def _odd_parts(tree: exp.Expr) -> list[str]:
    return [
        f"{node.sql('duckdb')} has another value or type on Spark; take {', '.join(sorted(_PLAIN_PARTS)).lower()}"
        for node in tree.find_all(exp.Extract)
        if node.name.upper() not in _PLAIN_PARTS
    ]


def _flagged_patterns(tree: exp.Expr) -> list[str]:
    found = [
        f"{node.sql('duckdb')} loses its flags on Spark; lower the text"
        for node in tree.find_all(exp.RegexpLike)
        if node.args.get("flag") is not None
    ]
    found += [
        f"{literal.sql('duckdb')} folds letters beyond ASCII on DuckDB only; lower the text"
        for node in tree.find_all(exp.RegexpLike, exp.RegexpReplace, exp.RegexpExtract)
        for literal in node.expression.find_all(exp.Literal)
        if re.match(r"\(\?\w*i", literal.this)
    ]
    return found + [
        f"{node.sql('duckdb')} refers back with \\1, which Spark writes $1; use regexp_extract"
        for node in tree.find_all(exp.RegexpReplace)
        if re.search(r"\\\d|\$\d", node.args["replacement"].sql("duckdb"))
    ]


def _downward_percentiles(tree: exp.Expr) -> list[str]:
    return [
        f"{node.sql('duckdb')} is ordered upwards on Spark; order upwards and take 1 - p"
        for node in tree.find_all(exp.WithinGroup)
        if any(ordered.args.get("desc") for ordered in node.find_all(exp.Ordered))
    ]


def _nan_of_constants(tree: exp.Expr) -> list[str]:
    return [
        f"{node.sql('duckdb')} is NaN on DuckDB and NULL on Spark where a side does not vary; "
        "wrap it in NULLIF(…, CAST('NaN' AS DOUBLE))"
        for node in tree.find_all(*_VARYING)
        if node.find_ancestor(exp.Nullif) is None
    ]


def _before_the_first_letter(tree: exp.Expr) -> list[str]:
    return [
        f"{node.sql('duckdb')} counts letters from 1; a smaller number means another letter on Spark"
        for node in tree.find_all(exp.Substring, exp.Left, exp.Right)
        for number in [node.args.get("start") or node.args.get("expression")]
        if isinstance(number, exp.Neg) or (isinstance(number, exp.Literal) and number.this == "0")
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
    _loose_lists,
    _float_texts,
    _odd_parts,
    _flagged_patterns,
    _downward_percentiles,
    _nan_of_constants,
    _before_the_first_letter,
    _starred_qualify,
    _first_match_only,
    _asof,
    _unguarded_division,
)
