"""Comments before a table: lines that begin with ``#`` and name no columns."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

__all__ = ["Comments", "body_of", "comments_before"]


class Comments(NamedTuple):
    """How many lines are left out before a table, and how many bytes they are."""

    n_lines: int = 0
    n_bytes: int = 0


def comments_before(head: bytes, separator: str, wanted: Collection[str] = ()) -> Comments:
    r"""Tell the comments from the table behind them.

    Lines that begin with ``#`` are comments where they have not as many columns as the first line that does not; for
    some tables name their columns so, and have values that begin so. They are comments too if that line names a column
    that is `wanted`, and they do not. Where there is one column only, a space or another mark follows the ``#``.

    Examples
    --------
    >>> comments_before(b"# of 2018\n# by hand\nword,tag\nso,A\n", ",")
    Comments(n_lines=2, n_bytes=20)
    >>> comments_before(b"#chrom,start\nchr1,100\n", ","), comments_before(b"#love\n#peace\nlove\n", ",")
    (Comments(n_lines=0, n_bytes=0), Comments(n_lines=0, n_bytes=0))

    Parameters
    ----------
    head
        The first bytes of a text.
    separator
        What stands between columns, as the first line behind the comments has it.
    wanted
        Names of columns that are asked for.
    """
    begun = _LEADING.match(head)
    body = begun and _LINE.match(head, begun.end())
    if not begun or not body:
        return Comments()
    first = _names(body[0], separator)
    n_lines = end = 0
    for line in _LINE.finditer(head, 0, begun.end()):
        if line[0].strip() and not _is_comment(line[0], first, separator, wanted):
            break
        n_lines, end = n_lines + 1, line.end()
    return Comments(n_lines, end)


def body_of(head: bytes) -> bytes:
    """What follows the lines that begin with ``#``."""
    begun = _LEADING.match(head)
    return head[begun.end() :] if begun else head


_LEADING = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:\r\n?|\n))*+(?:#[^\r\n]*(?:\r\n?|\n)(?:[ \t]*(?:\r\n?|\n))*+)++")
_LINE = re.compile(rb"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_REMARK = re.compile(r"#+(?:[\s!%]|$)")


def _is_comment(line: bytes, first: list[str], separator: str, wanted: Collection[str]) -> bool:
    """Whether a line that begins with ``#`` is one, before a table whose first line is so."""
    names = _names(line, separator)
    if set(names) & set(wanted):
        return False
    if len(first) == 1:
        return _REMARK.match(names[0]) is not None
    return len(names) != len(first) or bool(set(first) & set(wanted))


def _names(line: bytes, separator: str) -> list[str]:
    text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip("\r\n")
    return [name.strip().strip('"') for name in text.split(separator)]
