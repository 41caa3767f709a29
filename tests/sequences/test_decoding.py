"""Bytes that come in pieces become the text that they are as a whole, and the same errors."""

import codecs
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miscope.errors import InputError
from miscope.sequences.decoding import decode_pieces, mark_blank_lines, mark_matches, mark_separators, unix_lines
from miscope.sequences.encoding import END

# Of punycode and idna no piece can be decoded without the rest; the Japanese and Chinese ones have shifts or pairs.
ENCODINGS = [
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-7", "latin-1", "cp1252"),
    *("ascii", "koi8-r", "shift_jis", "gb18030", "iso2022_jp", "euc-kr", "big5", "hz", "punycode", "unicode_escape"),
]
text = st.text(
    st.one_of(st.sampled_from("ab\r\n é—日本語\U0001f600\ufeff~+\\"), st.characters(codec="utf-8")), max_size=30
)


@st.composite
def cut(draw, whole):
    """The pieces of bytes or of a text, some of them empty."""
    whole = draw(whole)
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


def bytes_in(encoding):
    """Bytes that are text in an encoding: what some write for an escape they cannot read."""

    def is_text(data):
        try:
            str(data, encoding)
        except UnicodeDecodeError:
            return False
        return True

    return text.map(lambda text: text.encode(encoding, "ignore")).filter(is_text)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_pieces_as_the_whole(encoding, data):
    parts = data.draw(cut(bytes_in(encoding)))
    expected = str(b"".join(parts), encoding).replace(END, "\ufffd").removeprefix("\ufeff")
    assert "".join(decode_pieces(parts, encoding, "a")) == expected


@pytest.mark.parametrize(
    ("encoding", "whole", "at"),
    [
        *(("iso2022_jp", whole, at) for whole, at in [(b"\x1b", 0), (b"a\n\x1b", 2), (b"\x1b$B\x7f!", 3)]),
        *(("hz", whole, at) for whole, at in [(b"a~b", 1), (b"~{ab\xff", 4)]),
        *(("unicode_escape", whole, at) for whole, at in [(b"a\\x", 1), (b"ab\\u12", 2)]),
        ("utf-7", b"a\n+\xff", 2),
    ],
)
def test_shifts_and_escapes_that_mean_nothing(encoding, whole, at):
    with pytest.raises(UnicodeDecodeError) as python:
        str(whole, encoding)
    assert python.value.start == at
    for first in range(len(whole) + 1):
        with pytest.raises(InputError, match=rf"is not {encoding}: byte {at} \(line"):
            list(decode_pieces([whole[:first], whole[first:]], encoding, "a"))


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32", "ascii", "cp1252", "shift_jis", "gb18030"]
)
@settings(max_examples=60, deadline=None)
@given(parts=cut(st.lists(st.sampled_from([b"a", b"\n", b"\xc3", b"\xa9", b"\xff", b"\xd8", b"\0"])).map(b"".join)))
def test_errors_say_where(encoding, parts):
    whole = b"".join(parts)
    try:
        expected = str(whole, encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        marked = len(whole) - len(error.object)  # some take the mark off before they count
        at, why = marked + error.start, re.escape(error.reason)
        line = whole.count(b"\n", 0, at) + 1
        with pytest.raises(
            InputError, match=rf"'a' is not {encoding}: byte {at} \(line {line}\) is 0x..: {why}; (name|from)"
        ):
            list(decode_pieces(parts, encoding, "a"))
    else:
        assert "".join(decode_pieces(parts, encoding, "a")) == expected


def test_a_mark_is_no_text_wherever_it_is_cut():
    for encoding, mark in [
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16", codecs.BOM_UTF16_BE),
        ("utf-32", codecs.BOM_UTF32_LE),
    ]:
        order = {"utf-8": "utf-8", "utf-16": "utf-16-be", "utf-32": "utf-32-le"}[encoding]
        data = mark + "so\ufeff".encode(order)
        for at in range(len(data)):
            assert "".join(decode_pieces([data[:at], data[at:]], encoding, "a")) == "so\ufeff"


@settings(deadline=None)
@given(cut(st.text("a\r\n", max_size=12)))
def test_line_ends(parts):
    assert "".join(unix_lines(parts)) == "".join(parts).replace("\r\n", "\n").replace("\r", "\n")


@settings(deadline=None)
@given(cut(st.text("ab", max_size=20)), st.text("ab", min_size=1, max_size=4))
def test_separators(parts, separator):
    assert "".join(mark_separators(parts, separator)) == "".join(parts).replace(separator, END)


@settings(deadline=None)
@given(
    cut(st.text("ab=\n\x85\r", max_size=20)), st.sampled_from(["=", "^=+$", "(?=^b)", "a.*b", r"[^a]\s*b", "(?i)^A"])
)
def test_matches_line_by_line(parts, regex):
    """What is all of a line takes the end of the line with it."""
    expected = []
    for line in re.split("(?<=\n)", "".join(parts)):
        body = line.rstrip("\n")
        found = re.search(regex, body)
        whole = found is not None and found[0] == body
        expected.append(END if whole else re.sub(regex, END, body) + line[len(body) :])
    assert "".join(mark_matches(parts, re.compile(regex))) == "".join(expected)


def test_a_line_in_very_many_pieces():
    pieces = ["x" * 1000] * 10_000
    assert "".join(mark_matches([*pieces, "=\n"], re.compile("=$"))) == "x" * 10_000_000 + END + "\n"


@settings(deadline=None)
@given(cut(st.text("a \n\x85\u3000", max_size=16)))
def test_blank_lines(parts):
    groups, group = [], []
    for line in [*"".join(parts).split("\n"), ""]:
        if line.strip():
            group.append(line)
        elif group:
            groups.append("\n".join(group))
            group = []
    assert "".join(mark_blank_lines(parts)) == END.join(groups)


def test_no_more_than_a_line_waits():
    """However many blank lines there are in a row."""
    passed = "".join(mark_blank_lines(["a\n", *["\n \n" * 1000] * 1000, "b"]))
    assert passed == f"a{END}b"
