"""Prices become returns, numbers become symbols: against plain Python that goes value by value."""

import itertools
import json
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miscope.errors import InputError
from miscope.sequences import Sequences, Series
from miscope.sequences.numbers import Conversion, to_symbols
from miscope.sequences.prices import returns

PRICES = [[100.0, 110.0, 99.0, 99.0], [50.0], [], [2.0, 1.0]]


def slow_returns(documents, kind="log"):
    made = []
    for document in documents:
        steps = []
        for before, after in itertools.pairwise(document):
            steps.append(math.log(after) - math.log(before) if kind == "log" else after - before)
        if steps:
            made.append(steps)
    return made


def slow_sessions(documents, times, longest):
    made = []
    for prices, moments in zip(documents, times, strict=True):
        for i, price in enumerate(prices):
            if i == 0 or moments[i] - moments[i - 1] > longest:
                made.append([])
            made[-1].append(price)
    return made


def listed(made):
    return [document.tolist() for document in made]


# Returns


@given(
    st.lists(st.lists(st.floats(0.01, 1000), max_size=6), min_size=1, max_size=6), st.sampled_from(["log", "change"])
)
@settings(deadline=None)
def test_returns_inside_documents(documents, kind):
    expected = slow_returns(documents, kind)
    if not sum(map(len, documents)):
        return
    series = Series.from_arrays([np.array(document, float) for document in documents], label="x")
    if not expected:
        with pytest.raises(InputError, match="not one return: no document has two prices"):
            returns(series, kind)
        return
    made = returns(series, kind)
    assert listed(made) == [pytest.approx(document, abs=1e-12) for document in expected]
    assert made.provenance["label"] == "x"
    assert made.provenance["returns"]["documents_of_one_price"] == sum(len(document) == 1 for document in documents)


def test_returns_add_up_to_the_whole_way():
    prices = np.exp(np.random.default_rng(0).standard_normal(1000).cumsum())
    assert returns(prices).values.sum() == pytest.approx(math.log(prices[-1] / prices[0]))
    assert returns(prices, "change").values.sum() == pytest.approx(prices[-1] - prices[0])
    halves = returns([prices[:500], prices[500:]])
    assert halves.lengths.tolist() == [499, 499]


def test_prices_that_stay_have_a_return_of_exactly_nothing():
    assert returns([1.1, 1.1, 0.3, 0.3]).values[[0, 2]].tolist() == [0, 0]


def test_returns_of_several_channels():
    made = returns(np.array([[[1.0, 10.0], [2.0, 5.0], [4.0, 5.0]]]))
    assert made.values == pytest.approx(np.log([[2, 0.5], [2, 1]]))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.sampled_from([1, 2.5, 4]), st.integers(0, 30))
@settings(deadline=None, max_examples=60)
def test_no_return_across_a_gap(steps, factor, cut):
    times = [0, *np.cumsum(steps).tolist()]
    times = [[moment * 300 for moment in part] for part in (times[:cut], times[cut:]) if part]
    prices = [[1.0 + i % 7 for i, _ in enumerate(part)] for part in times]
    within = [b - a for part in times for a, b in itertools.pairwise(part)]
    expected = []
    if within:
        expected = slow_returns(slow_sessions(prices, times, factor * statistics.median(within)))
    joined = np.concatenate([np.array(part, float) for part in times])
    series = Series.from_arrays([np.array(part) for part in prices])
    if not expected:
        with pytest.raises(InputError, match="not one return"):
            returns(series, times=joined, gaps=factor)
        return
    assert listed(returns(series, times=joined, gaps=factor)) == [pytest.approx(part) for part in expected]


def test_sessions_of_minutes_are_told_apart_and_days_are_not():
    minutes = np.datetime64("2024-01-05T09:30") + np.arange(60).astype("timedelta64[m]")
    two_days = np.concatenate([minutes, minutes + np.timedelta64(3, "D")])
    prices = np.exp(np.random.default_rng(0).standard_normal(120))
    made = returns(prices, times=two_days)
    assert made.lengths.tolist() == [59, 59]
    assert made.provenance["returns"]["gaps"] == {
        "rule": "steps that stand out",
        "usual_step": 60.0,
        "found": 1,
        "longest_step": 60.0,
    }
    assert json.loads(json.dumps(made.provenance)) == made.provenance
    assert returns(prices, times=two_days, gaps="none").lengths.tolist() == [119]
    assert returns(prices, times=two_days, gaps="4d").lengths.tolist() == [119]
    assert returns(prices, times=two_days.astype("datetime64[ns]"), gaps="2.5 h").lengths.tolist() == [59, 59]
    days = np.datetime64("2024-01-01") + np.delete(np.arange(140), np.s_[5::7])[:120].astype("timedelta64[D]")
    days[60:] += np.timedelta64(30, "D")
    made = returns(prices, times=days)
    assert (made.n_documents, made.provenance["returns"]["gaps"]["rule"]) == (1, "none")
    assert returns(prices, times=days, gaps="10d").lengths.tolist() == [59, 59]
    assert returns(prices, times=days, gaps="1w").n_documents == 2
    assert returns(prices, times=np.delete(np.arange(121), 60)).n_documents == 1
    assert returns(prices, times=np.delete(np.arange(124), np.s_[60:64])).n_documents == 2


@pytest.mark.parametrize(
    ("prices", "options", "words"),
    [
        ([1.0, 0.0, 2.0], {}, r'price 1 of document 0 \(both from 0\) is 0.0: prices are above 0.*kind="change"'),
        ([[1.0, 2.0], [3.0, -1.0]], {}, "price 1 of document 1 .* is -1.0: prices are above 0"),
        ([1.0, math.nan], {}, "value 1 is nan"),
        (Series(np.array([1.0, math.inf]), np.array([0, 2])), {}, "price 1 of document 0 .* is inf: leave out"),
        ([1.0, 2.0], {"kind": "logs"}, "unknown kind of return 'logs'; did you mean 'log'"),
        ([1.0, 2.0], {"gaps": 3}, "gaps are gaps in time: pass the times"),
        ([1.0, 2.0], {"times": [1]}, r"times must be .* of shape \(2,\), one for each price"),
        ([1.0, 2.0], {"times": ["a", "b"]}, "times must be numbers or datetime64"),
        ([1.0, 2.0], {"times": [2, 1]}, "time 1 is earlier than the one before it; sort"),
        ([1.0, 2.0, 3.0], {"times": [1, 2, 2]}, "time 2 is the same as the one before it"),
        ([1.0, 2.0], {"times": [1, math.nan]}, "time 1 is not finite"),
        ([1.0, 2.0], {"times": np.array(["2024-01-01", "NaT"], "M8[D]")}, "time 1 is missing"),
        ([1.0, 2.0], {"times": [1, 2], "gaps": "1h"}, "is a duration, but the times are plain numbers"),
        ([1.0, 2.0], {"times": [1, 2], "gaps": 0.5}, "must be 1 or more"),
        ([1.0, 2.0], {"times": [1, 2], "gaps": "nan"}, "must be 1 or more"),
        ([1.0, 2.0], {"times": [1, 2], "gaps": "soon"}, "cannot be understood: write a number of usual steps"),
        ([1.0, 2.0], {"times": [1, 2], "gaps": "3 hours"}, "unknown unit of time 'hours'"),
    ],
)
def test_refusals_with_their_words(prices, options, words):
    with pytest.raises(InputError, match=words):
        returns(prices, **options)


def test_times_may_begin_anew_in_each_document():
    assert returns([[1.0, 2.0], [1.0, 3.0]], times=[5, 6, 1, 2], gaps="none").n_documents == 2


# The grammar


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("symbols", (None, "symbols", ())),
        ("numbers", (None, "numbers", ())),
        ("sign", (None, "sign", ())),
        ("quantiles", (None, "quantiles", (4,))),
        ("quantiles:16", (None, "quantiles", (16,))),
        ("edges:-1,0,1.5", (None, "edges", (-1.0, 0.0, 1.5))),
        ("deviations:0.5,1", (None, "deviations", (0.5, 1.0))),
        ("volatility:3", (None, "volatility", (3,))),
        ("returns", ("log", "numbers", ())),
        ("returns:numbers", ("log", "numbers", ())),
        ("returns:sign", ("log", "sign", ())),
        ("returns : quantiles : 2", ("log", "quantiles", (2,))),
        ("returns:volatility:4", ("log", "volatility", (4,))),
        ("changes", ("change", "numbers", ())),
        ("changes:edges:0", ("change", "edges", (0.0,))),
    ],
)
def test_one_grammar(text, expected):
    conversion = Conversion.parse(text)
    assert (conversion.change, conversion.cut, conversion.parameters) == expected
    assert conversion.text == text
    assert conversion.needs_numbers == (text != "symbols")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("retrns:sign", "unknown conversion 'retrns'; did you mean 'returns'"),
        ("", "unknown conversion ''"),
        ("returns:sgn", "unknown conversion of returns 'sgn'; did you mean 'sign'"),
        ("returns:symbols", "unknown conversion of returns 'symbols'"),
        ("returns:returns", "unknown conversion of returns 'returns'"),
        ("sign:2", "'sign' takes nothing behind it; leave ':2' out"),
        ("numbers:2", "'numbers' takes nothing behind it"),
        ("quantiles:1", "needs a whole number of classes, from 2 to 65536, as in quantiles:4"),
        ("quantiles:2.5", "needs a whole number of classes"),
        ("quantiles:-4", "needs a whole number of classes"),
        ("volatility:x", "volatility:x needs a whole number"),
        ("quantiles:4:5", "has '5' too much"),
        ("edges", "edges need numbers with commas between them, as in edges:-1,0,1, not ''"),
        ("edges:a", "edges need numbers with commas"),
        ("edges:1,1", "edges must ascend, as in edges:-1,0,1; these are 1,1"),
        ("edges:nan", "edges must be finite"),
        ("deviations:-1,1", "taken on both sides of the mean"),
        (None, "a conversion is a text"),
    ],
)
def test_texts_that_are_none(text, words):
    with pytest.raises(InputError, match=words):
        Conversion.parse(text)


# Symbols


values = st.lists(st.floats(-3, 3).map(lambda x: round(x, 1)), min_size=2, max_size=40)


def slow_class(value, edges):
    return sum(edge <= value for edge in edges)


@given(values)
@settings(deadline=None)
def test_signs(numbers):
    names = ["0" if value == 0 else "-" if value < 0 else "+" for value in numbers]
    if len(set(names) - {"0"}) < 2 and "0" not in names:
        with pytest.raises(InputError, match=r"all values have the same sign; .* returns:sign"):
            to_symbols(numbers, "sign")
    elif len(set(names)) < 2:
        with pytest.raises(InputError, match="fall into one class of sign"):
            to_symbols(numbers, "sign")
    else:
        made = to_symbols(numbers, "sign")
        assert made.decode(0) == "".join(names)
        assert made.alphabet == (("-", "0", "+") if "0" in names else ("-", "+"))


@given(values, st.lists(st.integers(-20, 20), min_size=1, max_size=4, unique=True))
@settings(deadline=None)
def test_edges_belong_to_the_class_above(numbers, edges):
    edges = [edge / 10 for edge in sorted(edges)]
    expected = [slow_class(value, edges) for value in numbers]
    how = "edges:" + ",".join(map(str, edges))
    if len(set(expected)) < 2:
        with pytest.raises(InputError, match=r"all values fall into one class of edges.* put edges among them"):
            to_symbols(numbers, how)
    else:
        made = to_symbols(numbers, how)
        assert made.codes.tolist() == expected
        assert made.alphabet_size == len(edges) + 1
        assert made.provenance["quantised"]["edges"] == edges


def test_deviations_about_the_mean():
    numbers = np.random.default_rng(3).standard_normal(2000) * 5 + 7
    made = to_symbols([numbers[:900], numbers[900:]], "deviations:0.5,1")
    mean, deviation = statistics.fmean(numbers), statistics.pstdev(numbers)
    edges = [mean + k * deviation for k in (-1, -0.5, 0.5, 1)]
    assert made.codes.tolist() == [slow_class(value, edges) for value in numbers]
    assert made.lengths.tolist() == [900, 1100]
    assert made.provenance["quantised"]["edges"] == pytest.approx(edges)
    assert to_symbols(numbers, "deviations:0").codes.tolist() == [int(value >= mean) for value in numbers]
    with pytest.raises(InputError, match="have no standard deviation"):
        to_symbols([2.0, 2.0], "deviations:1")


def test_volatility_is_the_quantiles_of_absolute_values():
    numbers = np.random.default_rng(4).standard_normal(400)
    made = to_symbols(Series.from_arrays(numbers, label="x"), "volatility:4")
    expected = Series.from_arrays(np.abs(numbers)).quantise(4)
    assert made == expected
    assert made.provenance == {
        "label": "x",
        "converted": "volatility:4",
        "quantised": {**expected.provenance["quantised"], "of": "absolute values"},
    }
    assert made == to_symbols(-numbers, "volatility")


def test_what_was_cut_can_be_cut_again_from_provenance():
    prices = np.exp(np.random.default_rng(5).standard_normal(300).round(1).cumsum())
    for how in ("returns:sign", "returns:quantiles:3", "returns:edges:-0.5,0.5", "returns:deviations:1"):
        made = to_symbols(prices, how)
        again = np.searchsorted(made.provenance["quantised"]["edges"], np.diff(np.log(prices)), side="right")
        assert made.codes.tolist() == again.tolist()
        assert made.provenance["quantised"]["symbols"] == made.alphabet_size
        assert json.loads(json.dumps(made.provenance)) == made.provenance
        assert (made.provenance["converted"], made.provenance["returns"]["kind"]) == (how, "log")


def test_returns_and_then_classes():
    documents = [[1.0, 2.0, 1.0, 1.0], [3.0], [5.0, 6.0]]
    made = to_symbols(documents, "changes:sign")
    assert [made.decode(i) for i in range(len(made))] == ["+-0", "+"]
    series = Conversion.parse("returns").apply(Series.from_arrays(documents))
    assert isinstance(series, Series)
    assert listed(series) == [pytest.approx(part) for part in slow_returns(documents)]
    assert Conversion.parse("numbers").apply(series).values is series.values
    assert isinstance(Conversion.parse("returns:quantiles:2").apply(Series.from_arrays(documents)), Sequences)


def test_what_makes_no_symbols():
    with pytest.raises(InputError, match="'returns' gives numbers, not symbols: write for example 'returns:sign'"):
        to_symbols([1.0, 2.0], "returns")
    with pytest.raises(InputError, match="write for example 'sign'"):
        to_symbols([1.0, 2.0], "numbers")
    with pytest.raises(InputError, match="a series holds numbers, which become symbols by classes"):
        to_symbols([1.0, 2.0], "symbols")
    with pytest.raises(InputError, match=r"values of 2 channels make no symbols: take one first, with channel\(0\)"):
        to_symbols(np.ones((1, 2, 2)), "sign")
    with pytest.raises(InputError, match="value 1 is nan"):
        to_symbols(Series(np.array([1.0, math.nan]), np.array([0, 2])), "sign")
    with pytest.raises(InputError, match="prices are above 0"):
        to_symbols([1.0, -2.0], "returns:sign")
