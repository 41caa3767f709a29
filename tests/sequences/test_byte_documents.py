"""Bytes cut into documents piece by piece, compiled or not, against regular expressions over the whole."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miscope.sequences import kernels
from miscope.sequences.byte_documents import cutter_of, encode_bytes

BREAK = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?:[ \t\v\f]*(?:\r\n|\r(?!\n)|\n))+")
pieces = st.lists(st.lists(st.sampled_from([b"a", b"bb", b"\n", b"\r", b"\r\n", b" ", b"\t", b"\x85"])).map(b"".join))


def slow(whole, documents):
    """All documents, the empty ones too."""
    if documents == "line":
        found = re.split(rb"\r\n|\r|\n", whole)
    elif documents == "blank-line":
        whole = re.sub(rb"\A(?:[ \t\v\f]*(?:\r\n|\r|\n))+", b"", whole)
        whole = re.sub(rb"(?:\r\n|\r(?!\n)|(?<!\r)\n)[ \t\v\f\r\n]*\Z", b"", whole)
        found = BREAK.split(whole if whole.strip(b" \t\v\f") else b"")
    else:
        return whole.split(documents)
    return found


@pytest.mark.parametrize("way", ["compiled", "plain"])
@pytest.mark.parametrize("documents", ["line", "blank-line", b"b", b"bb", b"\n\n", b"a\r\na"])
@settings(max_examples=100, deadline=None)
@given(parts=pieces)
def test_pieces_as_the_whole(way, documents, parts):
    expected = slow(b"".join(parts), documents)
    expected = expected[:-1] if len(expected) > 1 and not expected[-1] else expected
    cutter = cutter_of("file", documents) if isinstance(documents, bytes) else cutter_of(documents)
    with pytest.MonkeyPatch.context() as patched:
        if way == "plain":
            patched.setattr(kernels, "cut_at_blank_lines", kernels._cut_at_blank_lines)
        encoded = encode_bytes([parts, [], parts], cutter)
    ends = np.cumsum(encoded.lengths).tolist()
    found = [encoded.codes[a:b].tobytes() for a, b in zip([0, *ends], ends, strict=False)]
    full = [document for document in expected if document]
    assert found == 2 * full
    assert encoded.n_empty == 2 * (len(expected) - len(full)) + 1
    assert encoded.codes.dtype == np.uint8


def test_files_are_documents_where_nothing_cuts_them():
    encoded = encode_bytes([[b"a\n", b"b"], [], [b"c"]], cutter_of("file"))
    assert (encoded.codes.tobytes(), encoded.lengths.tolist(), encoded.n_empty) == (b"a\nbc", [3, 1], 1)
