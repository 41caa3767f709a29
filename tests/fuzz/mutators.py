"""Ways to damage bytes, text and JSON: each takes data, a source of chance and other data of the same kind."""

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

Mutator = Callable[[bytes, Random, bytes], bytes]

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
NUMBERS = (
    *("0", "-1", "1", "255", "256", "65536", "2147483648", "4294967296", "9223372036854775808", "1e400", "-1e400"),
    *("NaN", "Infinity", "-Infinity", "1e-400", "0.5", "-0.0", "1_0", "0x10", "1e5", "true", "null", '"1"', "٣"),
    *("9" * 400, "-" + "9" * 25, "1." + "0" * 400 + "1", "9" * 5000, "01", "+1", "1,5", ""),
)
UNICODE = tuple(
    text.encode("utf-8", "surrogatepass")
    for text in ('"', ",", "\t", ";", ">", "\n", "\r", "\r\n", "\0", "\x1a", "\ufeff", "\u2028", "\x85", "\ud800", "é")
)
SNIPPETS = (
    *UNICODE,
    b"\xff",
    b"\xfe\xff",
    b"\xc0\x80",
    b"\xe9",
    b"\xf4\x90\x80\x80",
    b"{",
    b"[",
    b"\\",
    b" ",
    b"@",
    b"PK\x03\x04",
)


def place(data: bytes, rng: Random) -> int:
    """Somewhere in data: often near the beginning or the end, where files say what they are."""
    most = max(len(data) - 1, 0)
    near = min(most, rng.choice((16, 200)))
    return rng.choice((rng.randint(0, near), most - rng.randint(0, near), rng.randint(0, most)))


def block(data: bytes, rng: Random) -> tuple[int, int]:
    start = place(data, rng)
    return start, min(len(data), start + rng.choice((1, 1, 2, 4, 8, 16, 64, 512, len(data) // 3 + 1)))


def flip(data: bytes, rng: Random, _: bytes) -> bytes:
    at = place(data, rng)
    return data[:at] + bytes(byte ^ 1 << rng.randrange(8) for byte in data[at : at + 1]) + data[at + 1 :]


def whole(data: bytes, at: int, rng: Random) -> bytes:
    """A whole number in the bytes there, replaced by an interesting one, or by one that is larger or smaller by one."""
    width = rng.choice((1, 1, 2, 4, 4, 8))
    was = int.from_bytes(data[at : at + width], "little")
    number = rng.choice((rng.choice(INTERESTING), was + 1, was - 1, was * 2, rng.randrange(8)))
    return (data[:at] + (number % 256**width).to_bytes(width, "little") + data[at + width :])[: max(len(data), 1)]


def overwrite(data: bytes, rng: Random, _: bytes) -> bytes:
    return whole(data, place(data, rng), rng)


def cut(data: bytes, rng: Random, _: bytes) -> bytes:
    return data[: rng.choice((place(data, rng), len(data) - 1, rng.randint(0, len(data))))]


def insert(data: bytes, rng: Random, _: bytes) -> bytes:
    at = place(data, rng)
    new = rng.choice((bytes([rng.randrange(256)]), rng.randbytes(8), b"\0" * rng.choice((1, 8, 64)), b"a" * 300))
    return data[:at] + new + data[at:]


def delete(data: bytes, rng: Random, _: bytes) -> bytes:
    start, end = block(data, rng)
    return data[:start] + data[end:]


def duplicate(data: bytes, rng: Random, _: bytes) -> bytes:
    start, end = block(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 1, 3, 50)) + data[end:]


def swap(data: bytes, rng: Random, _: bytes) -> bytes:
    (a, b), (c, d) = sorted((block(data, rng), block(data, rng)))
    return data if b > c else data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def splice(data: bytes, rng: Random, other: bytes) -> bytes:
    return data[: place(data, rng)] + other[place(other, rng) :]


def append(data: bytes, rng: Random, other: bytes) -> bytes:
    return data + rng.choice((other, data, b"\0", b"\n", rng.randbytes(16)))


BYTES: tuple[Mutator, ...] = (flip, flip, overwrite, overwrite, cut, insert, delete, duplicate, swap, splice, append)


def number(data: bytes, rng: Random, _: bytes) -> bytes:
    """A number in a text becomes another, or none."""
    found = list(re.finditer(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", data))
    if not found:
        return data
    at = rng.choice(found)
    return data[: at.start()] + rng.choice(NUMBERS).encode() + data[at.end() :]


def snippet(data: bytes, rng: Random, _: bytes) -> bytes:
    start, end = block(data, rng)
    return data[:start] + rng.choice(SNIPPETS) + data[rng.choice((start, start, end)) :]


def line(data: bytes, rng: Random, other: bytes) -> bytes:
    """A line is dropped, doubled, moved, or comes from another file."""
    lines, others = data.splitlines(keepends=True) or [b""], other.splitlines(keepends=True) or [b""]
    at = rng.randrange(len(lines))
    new = rng.choice(([], [lines[at]] * 2, [rng.choice(others)], [lines[at], b"\n"], [lines[at].rstrip(b"\r\n")]))
    return b"".join(lines[:at] + new + lines[at + 1 :])


TEXT: tuple[Mutator, ...] = (*BYTES, number, number, snippet, snippet, line, line)


def json_tree(data: bytes, rng: Random, _: bytes) -> bytes:
    """A member of JSON is dropped, doubled, moved, or becomes something else; of several lines, one of a line."""
    lines = data.splitlines(keepends=True)
    try:
        tree, before, after = json.loads(data), b"", b""
    except ValueError:
        at = rng.randrange(len(lines))
        tree, before, after = json.loads(lines[at]), b"".join(lines[:at]), b"\n" + b"".join(lines[at + 1 :])
    tree = changed(tree, rng)
    text = json.dumps(tree)
    return before + text.replace('"<deep>"', "[" * 3000 + "]" * 3000).encode() + after


def changed(tree: Any, rng: Random) -> Any:
    nodes = list(_nodes(tree))
    if not nodes:
        return _other(tree, rng)
    parent, key = rng.choice(nodes)
    if rng.random() < 0.25:
        del parent[key]
    elif rng.random() < 0.15 and isinstance(parent, list):
        parent.insert(key, parent[key])
    elif rng.random() < 0.15:
        parent[key] = _at(rng.choice(nodes))
    elif isinstance(parent[key], str) and parent[key].startswith("{") and rng.random() < 0.9:
        parent[key] = json.dumps(changed(json.loads(parent[key]), rng))  # as in metadata
    else:
        parent[key] = _other(parent[key], rng)
    return tree


def _at(node: tuple[Any, Any]) -> Any:
    return json.loads(json.dumps(node[0][node[1]]))


def _nodes(tree: Any) -> Any:
    members = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(members):
        yield tree, key
        yield from _nodes(value)


def _other(value: Any, rng: Random) -> Any:
    """Something that is not, or not quite, this."""
    ways: list[Any] = [None, True, 0, -1, 1.5, "", "x", [], {}, [None], "<deep>", 10**400, 2**63, float("nan"), "\0"]
    if isinstance(value, int | float) and not isinstance(value, bool):
        ways += [value + 1, -value, value * 1.001, float(value), str(value), 1e308, -1e308, 5e-324]
    if isinstance(value, list):
        ways += [value[:-1], value + value[:1], value[::-1], [value], "".join(map(str, value))]
    if isinstance(value, str):
        ways += [value[:-1], value + "x", value.upper(), [value], value * 1000, "</script><b>", "\ud800"]
    return rng.choice(ways)


JSON: tuple[Mutator, ...] = (*TEXT, *(json_tree,) * 12)
