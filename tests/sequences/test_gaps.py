"""Where a document ends by default: shapes of market data, drawn with a fixed seed."""

import numpy as np
import pyarrow as pa
import pytest

from miscope.errors import MiscopeWarning
from miscope.sequences.prices import returns
from miscope.sequences.tables import read_table

MINUTE, DAY = 60, 86400
START = np.datetime64("2019-01-07")  # a Monday


def sessions(n_days, first, last, step=MINUTE, share=1.0, thin=(0, 0, 1.0), seed=0):
    """Times of n working days, from `first` to `last` minute of the day, some of them left out, most of them outside
    the minutes of `thin`."""
    random = np.random.default_rng(seed)
    days = [day for day in range(2 * n_days) if day % 7 < 5][:n_days]
    minutes = np.arange(first, last, step // MINUTE)
    found = []
    for day in days:
        inside = (minutes >= thin[0]) & (minutes < thin[1])
        kept = random.random(len(minutes)) < np.where(inside, share, thin[2] if thin[1] else share)
        found.append(day * DAY + minutes[kept] * MINUTE)
    return np.concatenate(found)


def weeks(step, n):
    """Round the clock, without weekends."""
    times = np.arange(n) * step
    return times[times // DAY % 7 < 5]


def without(times, *holes):
    return np.delete(times, np.concatenate([np.arange(*hole) for hole in holes]))


ROUND_THE_CLOCK = np.arange(5000) * MINUTE
SHAPES = {
    "sessions of 390 minutes": (sessions(20, 570, 960), 20),
    "minutes without trade": (sessions(20, 570, 960, share=0.9), 20),
    "half of the minutes": (sessions(20, 570, 960, share=0.5), 20),
    "a share that is seldom traded": (sessions(20, 570, 960, share=0.06), 20),
    "thin hours around a session": (sessions(20, 240, 1200, share=0.97, thin=(540, 960, 0.1)), 20),
    "a pause at noon": (
        np.setdiff1d(sessions(20, 570, 900), np.arange(200)[:, None] * DAY + np.arange(41400, 46800)),
        40,
    ),
    "half hours": (sessions(20, 570, 960, step=1800), 20),
    "currencies each five minutes": (weeks(300, 10_000), 5),
    "currencies each four hours": (weeks(4 * 3600, 400), 10),
    "nothing is missing": (ROUND_THE_CLOCK, 1),
    "a third is missing": (ROUND_THE_CLOCK[np.random.default_rng(1).random(5000) < 0.7], 1),
    "an outage of an hour": (without(ROUND_THE_CLOCK, (100, 102), (2000, 2060)), 2),
    "days": (weeks(DAY, 700), 1),
    "days with a month missing": (without(weeks(DAY, 700), (100, 122)), 1),
    "weeks": (np.arange(100) * 7 * DAY, 1),
    "events at random": (np.cumsum(np.random.default_rng(2).exponential(60, 3000)), 1),
    "fewer prices at night": (
        np.setdiff1d(ROUND_THE_CLOCK, [m * 60 for m in range(5000) if m % 1440 > 900 and m % 5]),
        1,
    ),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("how", ["returns:sign", "sign", "numbers"])
def test_documents_by_default(name, how):
    """Prices, returns that were taken before, and plain numbers are cut at the same places."""
    times, n = SHAPES[name]
    stamps = START + (times * 1e6).astype("m8[us]")
    steps = np.random.default_rng(0).standard_normal(len(times))
    values = np.exp(np.cumsum(steps) / 100) if how == "returns:sign" else steps
    found = read_table(pa.table({"t": stamps, "x": values}), "x", time="t", as_=how)
    assert found.n_documents == n
    assert found.provenance["gaps"]["found"] == n - 1
    if how != "returns:sign":
        longest = np.sort(np.argsort(np.diff(times))[len(times) - n :]) + 1
        assert found.offsets[1:-1].tolist() == longest.tolist()
    again = returns(np.exp(steps), times=stamps)
    assert again.n_documents == n


def test_numbers_as_times_have_gaps_too_but_no_days():
    times, n = SHAPES["thin hours around a session"]
    found = returns(np.exp(np.random.default_rng(0).standard_normal(len(times))), times=times // MINUTE)
    assert found.n_documents == n


def test_documents_that_gaps_leave_short_are_said():
    times, _ = SHAPES["a share that is seldom traded"]
    prices = np.exp(np.random.default_rng(0).standard_normal(len(times)) / 100)
    with pytest.warns(MiscopeWarning, match=r"gaps in time cut the data into \d+ documents, half of them of \d values"):
        made = returns(prices, times=START + times.astype("m8[s]"), gaps=3)
    assert len(made.provenance["notes"]) == 1
    hours = sessions(30, 570, 960, step=3600)
    frame = pa.table({"t": START + hours.astype("m8[s]"), "x": np.random.default_rng(0).random(len(hours))})
    with pytest.warns(MiscopeWarning, match="30 documents, half of them of 7 values"):
        read_table(frame, "x", time="t")


def test_pairs_of_symbols_across_gaps_are_said():
    times, _ = SHAPES["sessions of 390 minutes"]
    frame = pa.table({"t": START + times.astype("m8[s]"), "x": np.resize(["a", "b", "b"], len(times))})
    with pytest.warns(MiscopeWarning, match=r"19 gaps in the times.*gaps='1h'"):
        assert read_table(frame, "x", time="t").n_documents == 1
    assert read_table(frame, "x", time="t", gaps="none").n_documents == 1
    assert read_table(frame, "x", time="t", gaps="1h").n_documents == 20
    events, _ = SHAPES["events at random"]
    frame = pa.table({"t": START + (events * 1e6).astype("m8[us]"), "x": np.resize(["a", "b", "b"], len(events))})
    assert read_table(frame, "x", time="t").n_documents == 1
