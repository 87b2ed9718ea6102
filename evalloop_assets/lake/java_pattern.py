"""A regular expression of RE2 (DuckDB) in Java's syntax (Spark), where the two read the same letters differently."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
    (?P<escape> \\[pP]\{\^?\w+\} | \\. )
  | (?P<class> \[ \^? \]? (?: \[:\^?\w+:\] | \\[pP]\{\^?\w+\} | \\. | [^\]\\] )* \] )
  | (?P<anchor> [$.] )
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_CLASS = re.compile(r"\[:(?P<posix>\^?\w+):\]|(?P<escape>\\[pP]\{\^?\w+\}|\\.)|(?P<plain>\[|&&)", re.DOTALL)
_BLANKS = r"\t\n\f\r "
_WORD = "[0-9A-Za-z_]"
_BOUNDARY = f"(?:(?<!{_WORD})(?={_WORD})|(?<={_WORD})(?!{_WORD}))"


def java_pattern(pattern: str) -> str:
    r"""The same language in Java 17: `$`, `.`, `\b`, `\s`, scripts, and brackets and `&&` within classes.

    Java's `$` also matches before a last line break, its `.` stops at more than a line feed, its `\b` knows letters of
    every script while `\w` does not, its `\s` has a vertical tab, and `[` within a class opens another one.
    """
    return _TOKEN.sub(_token, pattern)


def _token(match: re.Match[str]) -> str:
    if match["class"]:
        negated = match[0].startswith("[^")
        body = match[0][1 + negated : -1]
        first = r"\]" if body.startswith("]") else ""
        return f"[{'^' * negated}{first}{_IN_CLASS.sub(_token_in_class, body[bool(first) :])}]"
    if match["anchor"]:
        return r"\z" if match[0] == "$" else r"[^\n]"
    return {r"\b": _BOUNDARY, r"\B": f"(?!{_BOUNDARY})", r"\s": f"[{_BLANKS}]", r"\S": f"[^{_BLANKS}]"}.get(
        match[0], _script(match[0])
    )


def _token_in_class(match: re.Match[str]) -> str:
    if match["posix"]:
        name = match["posix"]
        letter, bare = ("P", name[1:]) if name.startswith("^") else ("p", name)
        return rf"\{letter}{{{bare.capitalize()}}}"
    if match["plain"]:
        return rf"\{match[0]}" if match[0] == "[" else r"&\&"
    return _BLANKS if match[0] == r"\s" else _script(match[0])


def _script(escape: str) -> str:
    r"""`\p{Han}` is `\p{IsHan}` in Java; general categories have one or two letters and the same names."""
    return re.sub(r"(?<=[pP]\{)(\^?)(\w{3,})", r"\1Is\2", escape)
