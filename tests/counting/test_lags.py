"""From what people write to lags: every form, and every refusal by its words."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miscope.counting.lags import among, default_lags, log_lags, parse_lags
from miscope.errors import InputError


@pytest.mark.parametrize(
    ("written", "lags"),
    [
        ("1:20", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 16, 20]),
        ("3:12", [3, 4, 5, 6, 7, 8, 9, 10, 12]),
        ("5:5", [5]),
        ("1:64:7", [1, 2, 4, 8, 16, 32, 64]),
        ("1:3:50", [1, 2, 3]),
        ("1:5:1000000000000", [1, 2, 3, 4, 5]),
        ("7:90:1", [7]),
        ("all:4", [1, 2, 3, 4]),
        ("4", [4]),
        ("5,1,2,5", [1, 2, 5]),
        (" 5, 1 ", [1, 5]),
        ("3:30:3", [3, 9, 30]),
        ("3:30:+3", [3, 6, 9, 12, 15, 18, 21, 24, 27, 30]),
        ("1:10:+4", [1, 5, 9]),
        ("24:99:+24", [24, 48, 72, 96]),
        ("90:180:+100", [90]),
        (" 5 : 20 : +5 ", [5, 10, 15, 20]),
        ("1,2,5,10:40:+10", [1, 2, 5, 10, 20, 30, 40]),
        ("all:3,90:96:+2,1:64:3", [1, 2, 3, 8, 64, 90, 92, 94, 96]),
        (7, [7]),
        (np.int64(7), [7]),
        (np.uint8(7), [7]),
        (np.array(7), [7]),
        ([5, 1, 5], [1, 5]),
        ((3, 2.0), [2, 3]),
        ({4, 2}, [2, 4]),
        (range(1, 4), [1, 2, 3]),
        ((lag for lag in (9, 8)), [8, 9]),
        (np.array([3, 1], np.uint16), [1, 3]),
        (np.array([99.0]), [99]),
    ],
)
def test_what_is_written(written, lags):
    found = parse_lags(written, longest=100)
    assert found.dtype == np.int64
    assert found.tolist() == lags


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "cannot read lags ''; write for example"),
        ("ten", "cannot read lags 'ten'; write for example"),
        ("1:", "cannot read lags '1:'"),
        (":", "cannot read lags ':'"),
        ("1:2:3:4", "cannot read lags '1:2:3:4'"),
        ("1:10.5", "cannot read lags '1:10.5'"),
        ("all:", "cannot read lags 'all:'"),
        ("all:x", "cannot read lags 'all:x'"),
        ("1,,2", "cannot read lags '1,,2'"),
        ("all:0", "lags start at 1 .* got 0"),
        ("all:-3", "lags start at 1 .* got -3"),
        ([], "no lags given; write"),
        (np.zeros(0), "no lags given; write"),
        ("0:10", r"lags start at 1 \(a symbol and the next one\); got 0"),
        ("0", "lags start at 1 .* got 0"),
        ("-4", "lags start at 1 .* got -4"),
        (0, "lags start at 1 .* got 0"),
        ([3, -2], "lags start at 1 .* got -2"),
        ("9:3", "lags '9:3' hold nothing: give them as first:last"),
        ("1:10:0", "lags '1:10:0' hold nothing"),
        ("1:10:-1", "lags '1:10:-1' hold nothing"),
        ("1:10:+0", "lags '1:10:\\+0' hold nothing"),
        ("1:10:+", "cannot read lags '1:10:\\+'"),
        ("1:10:+2.5", "cannot read lags"),
        ("1:10:++2", "cannot read lags"),
        ("0:10:+5", "lags start at 1 .* got 0"),
        ("5,9:3:+2", "lags '9:3:\\+2' hold nothing"),
        ("5,x:3", "cannot read lags '5,x:3'"),
        ("5,", "cannot read lags '5,'"),
        ("50:100:+25", "no document is long enough for lag 100"),
        ("1:10,100", "no document is long enough for lag 100"),
        pytest.param(b"1:10", "lag", id="bytes"),
        ({}, "no lags given; write"),
        ("1:100", "no document is long enough for lag 100: the longest has 100 symbols, so the largest lag is 99"),
        ("all:100", "no document is long enough for lag 100"),
        ([5, 100], "no document is long enough for lag 100"),
        (10**9, "no document is long enough for lag 1000000000"),
        (f"1:{2**41}", "no document is long enough for lag 2199023255552"),
        (f"all:{2**41}", "no document is long enough for lag 2199023255552"),
        ("100:200", "no document is long enough for lag 200"),
        ([1.5, 2], "lags must be whole numbers; got 1.5"),
        ([np.nan], "lags must be whole numbers; got nan"),
        ([np.inf], "lags must be whole numbers; got inf"),
        (True, "lags must be whole numbers, not True; write"),
        ([True, False], "lags must be whole numbers, not True; write"),
        (["1", "2"], "lags must be whole numbers, not '1'; write"),
        ([None], "lags must be whole numbers, not None; write"),
        ([1j], "lags must be whole numbers, not 1j; write"),
        ([[1, 2], [3, 4]], re.escape("lags must be whole numbers, not [1, 2]; write")),
        (np.ones((2, 2), int), "lags must be whole numbers, not "),
    ],
)
def test_what_is_refused(written, words):
    with pytest.raises(InputError, match=words):
        parse_lags(written, longest=100)


@pytest.mark.parametrize(
    "written",
    [
        "99999999999999999999999",
        "1,99999999999999999999999",
        "all:1000000000000",
        2**70,
        pytest.param(10**400, id="10**400"),
        [2**63],
        [2**70],
        [1e300],
        5.5,
        pytest.param(object(), id="object"),
        pytest.param([[1], [2, 3]], id="ragged"),
    ],
)
def test_what_no_array_holds_is_refused_too(written):
    with pytest.raises(InputError, match="lag"):
        parse_lags(written, longest=100)


@pytest.mark.parametrize("written", ["18446744073709551617", [2**63]])
def test_a_lag_too_large_is_not_called_too_small(written):
    with pytest.raises(InputError, match=r"^(?!.*lags start at 1).*lag"):
        parse_lags(written, longest=100)


@pytest.mark.parametrize("written", ["all:1000000000000", "1:1000000000000:+2"])
def test_more_lags_than_memory_holds_are_refused(written):
    with pytest.raises(InputError, match="too many lags"):
        parse_lags(written, longest=1 << 62)


@pytest.mark.parametrize("longest", [0, 1])
def test_data_without_any_pair(longest):
    for written in (None, "1:10", [1]):
        with pytest.raises(InputError, match="no pairs at any lag: no document has more than one symbol"):
            parse_lags(written, longest)


@pytest.mark.parametrize(
    ("longest", "largest"), [(2, 1), (3, 1), (7, 1), (8, 2), (100, 25), (40_000, 10_000), (10**7, 10_000)]
)
def test_default_lags_reach_a_quarter_of_the_longest_document(longest, largest):
    lags = parse_lags(None, longest)
    np.testing.assert_array_equal(lags, default_lags(longest))
    assert lags[0] == 1
    assert lags[-1] == largest


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.none() | st.integers(2, 60))
def test_log_lags_hold_both_ends_and_ascend(first, more, n):
    last = first + more
    lags = log_lags(first, last, n)
    assert lags.dtype == np.int64
    assert (lags[0], lags[-1]) == (first, last)
    assert (np.diff(lags) > 0).all()
    if n is not None:
        assert len(lags) <= n


@given(st.integers(1, 10**7))
def test_every_lag_to_ten_then_ten_a_decade(last):
    lags = log_lags(1, last)
    assert lags[:10].tolist() == list(range(1, min(last, 10) + 1))
    ratios = lags[10:] / lags[9:-1] if len(lags) > 10 else np.ones(1)
    assert ratios.max(initial=1) < 10**0.1 * 1.05  # rounding to whole lags: 10 to 13
    assert len(lags) <= 10 + 10 * 6 + 1


@given(st.integers(2, 10**6), st.integers(1, 60))
def test_a_number_of_lags_is_an_upper_bound(longest, n):
    assert 1 <= len(parse_lags(f"1:{longest - 1}:{n}", longest)) <= n


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5:40", [5, 7, 10, 12, 24, 36]),
        ("12:", [12, 24, 36, 48, 100]),
        (":5", [1, 2, 5]),
        ("12:2400:+12", [12, 24, 36, 48]),
        ("all:10", [1, 2, 5, 7, 10]),
        ("1:100:3", [1, 10, 100]),
        ("2", [2]),
        (" 1:2 , 24:48:+24,100", [1, 2, 24, 48, 100]),
        ("0.5:2.5", [1, 2]),
        ("200:300", []),
        ("24:999999999999:+24", [24, 48]),
    ],
)
def test_lags_of_a_curve_that_are_meant(text, expected):
    """Ranges take what the curve has; the same words of whole lags mean what they do when it is measured."""
    curve = np.array([1, 2, 5, 7, 10, 12, 24, 36, 48, 100])
    found = curve[among(curve, text)]
    assert found.tolist() == expected
    if "+" in text and "9" not in text:
        np.testing.assert_array_equal(found, np.intersect1d(curve, parse_lags(text, 10**6)))


@pytest.mark.parametrize("text", ["five", "1:x", "1:2:3:4", "5:1:+2", "3", "1,3", "", "0:10:+5", "1:10:0", "-1", "nan"])
def test_lags_of_a_curve_that_cannot_be_meant(text):
    with pytest.raises(InputError):
        among(np.array([1, 2, 5]), text)
