"""Times that could be read in several ways: the whole column decides, and even steps."""

import datetime
import itertools

import numpy as np
import pyarrow as pa
import pytest

from miscope.errors import InputError
from miscope.sequences import table_files
from miscope.sequences.tables import read_table

START = datetime.datetime(2018, 1, 1)


def every(n, **step):
    return [START + i * datetime.timedelta(**step) for i in range(n)]


def months(n, step=1):
    return [datetime.datetime(2018 + i // 12, i % 12 + 1, 1) for i in range(0, n * step, step)]


def column_of(stamps, how):
    return [stamp.strftime(how) for stamp in stamps]


def table_of(folder, stamps, kind):
    """The same times as text, as whole numbers, and as numbers that are stored with fractions."""
    values = [i * 7 % 5 for i in range(len(stamps))]
    if kind == "text":
        path = folder / "a.csv"
        path.write_text("t,x\n" + "".join(f"{t},{x}\n" for t, x in zip(stamps, values, strict=True)))
        return path
    return pa.table({"t": [int(t) if kind == "int" else float(t) for t in stamps], "x": values})


DIGITS = [
    ("%Y%m%d%H%M", every(200, minutes=1)),
    ("%y%m%d%H%M", every(200, minutes=1)),
    ("%Y%m%d%H%M%S", every(400, seconds=10)),
    ("%y%m%d%H%M%S", every(400, seconds=10)),
    ("%Y%m%d%H", every(100, hours=1)),
    ("%Y%m%d", every(100, days=1)),
    ("%y%m%d", every(100, days=1)),
    ("%d%m%Y", every(100, days=1)),
    ("%m%d%Y", every(100, days=1)),
    ("%Y%m", months(40)),
]


@pytest.mark.parametrize("kind", ["text", "int", "float"])
@pytest.mark.parametrize(("how", "stamps"), DIGITS)
def test_calendars_written_as_digits(tmp_path, how, stamps, kind):
    found = read_table(table_of(tmp_path, column_of(stamps, how), kind), "x", time="t", as_="changes:sign")
    usual = float(np.median([(b - a).total_seconds() for a, b in itertools.pairwise(stamps)]))
    assert found.n_documents == 1
    assert (found.provenance["times_read_as"], found.provenance["gaps"]["usual_step"]) == (how, usual)


@pytest.mark.parametrize(
    "numbers",
    [
        range(1546300800, 1546300800 + 300 * 60, 60),  # seconds since 1970, each minute
        range(1801010100, 1801010100 + 20 * 3600, 3600),  # each hour, of which the first look like a calendar
        range(1546300800000, 1546300800000 + 300 * 60000, 60000),
        range(201901, 202300),  # counters
        range(20190101, 20190401),
        range(201901010000, 201901010200),
        range(200001, 230001, 100),
    ],
)
@pytest.mark.parametrize("kind", ["text", "int"])
def test_whole_numbers_that_are_no_calendar(tmp_path, numbers, kind):
    found = read_table(table_of(tmp_path, list(map(str, numbers)), kind), "x", time="t", as_="changes:sign")
    assert (found.n_documents, found.provenance["times_read_as"]) == (1, "numbers")
    assert found.provenance["gaps"]["usual_step"] == numbers.step


@pytest.mark.parametrize("how", ["%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%y/%m/%d", "%d.%m.%Y", "%m-%d-%y"])
@pytest.mark.parametrize(
    ("stamps", "gaps", "step"),
    [
        (months(40), "62d", 31),
        (months(16, step=3), "100d", 91),
        (every(120, days=7), "10d", 7),
        (every(40, days=1), "2d", 1),
        (every(11, days=1), "2d", 1),  # no day beyond 12: with the gaps of days that they have as months, all would be
    ],
)
def test_even_steps_tell_day_and_month(tmp_path, how, stamps, gaps, step):
    found = read_table(table_of(tmp_path, column_of(stamps, how), "text"), "x", time="t", as_="changes:sign", gaps=gaps)
    assert (found.n_documents, found.provenance["times_read_as"]) == (1, how)
    assert found.provenance["gaps"]["usual_step"] / 86400 == step


def test_what_is_told_late_in_the_column(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK", 64)
    stamps = column_of(every(40, days=1), "%d/%m/%Y")
    found = read_table(table_of(tmp_path, stamps, "text"), "x", time="t", gaps="2d")
    assert (found.n_documents, found.provenance["times_read_as"]) == (1, "%d/%m/%Y")


def test_readings_that_are_as_good_and_cut_differently_are_refused(tmp_path):
    stamps = ["01/01/2018", "02/01/2018", "04/01/2018", "05/01/2018"]
    with pytest.raises(InputError, match=r"%m/%d/%Y and as %d/%m/%Y.*ISO 8601"):
        read_table(table_of(tmp_path, stamps, "text"), "x", time="t", gaps="45d")
    assert read_table(table_of(tmp_path, stamps, "text"), "x", time="t", gaps="none").n_documents == 1


@pytest.mark.parametrize("how", ["%Y-%m", "%b %Y", "%m/%d/%Y %I:%M %p", "%m.%d.%Y"])
def test_more_ways_to_write_times(tmp_path, how):
    found = read_table(table_of(tmp_path, column_of(months(14), how), "text"), "x", time="t", gaps="62d")
    assert (found.n_documents, found.provenance["gaps"]["usual_step"] / 86400) == (1, 31)


def test_times_that_are_too_large():
    frame = pa.table({"t": pa.array([2**63 + 1, 2**63 + 2], pa.uint64()), "x": [1, 2]})
    with pytest.raises(InputError, match=r"beyond 2\^63"):
        read_table(frame, "x", time="t")


def test_readings_that_make_no_difference_are_all_named(tmp_path):
    found = read_table(table_of(tmp_path, column_of(months(12), "%m/%d/%Y"), "text"), "x", time="t", as_="changes:sign")
    assert (found.n_documents, found.provenance["times_read_as"]) == (1, "%m/%d/%Y or %d/%m/%Y")


SHORT = {
    "most steps of one are gaps": (["01/02/2018", "03/05/2018", "03/06/2018", "07/08/2018"], "62d"),
    "two steps that happen to be even": (["01/02/2018", "03/05/2018", "07/08/2018"], "62d"),
    "four even steps of one": (["11/01/2018", "12/01/2018", "01/02/2019", "01/03/2019", "01/04/2019"], "62d"),
    "with points": (["01.02.2018", "03.05.2018", "03.06.2018", "07.08.2018"], "62d"),
    "of two digits": (["01/02/18", "03/05/18", "03/06/18", "07/08/18"], "62d"),
    "with clocks": (["01/02/2018 10:00", "03/05/2018 10:00", "03/06/2018 10:00", "07/08/2018 10:00"], "62d"),
    "no steps are even": (
        [f"{day}/{2000 + n}" for n in range(9) for day in ("01/02", "03/05", "03/06", "07/08")],
        "62d",
    ),
}


@pytest.mark.parametrize(("stamps", "gaps"), SHORT.values(), ids=SHORT)
def test_steps_that_are_few_or_uneven_do_not_tell_day_and_month(tmp_path, stamps, gaps):
    path = table_of(tmp_path, stamps, "text")
    with pytest.raises(InputError, match=r"read as %.*and as %.*with different gaps"):
        read_table(path, "x", time="t", gaps=gaps)
    for rule in ("none", "9000d"):  # where it makes no difference it is no question
        assert read_table(path, "x", time="t", gaps=rule).n_documents == 1


EVERY_SECOND = ["2018-01-05T18:05:01", "2018-01-05T18:05:02", "2018-01-05T18:05:03"]


@pytest.mark.parametrize(
    ("change", "zone"),
    [
        (lambda stamp: stamp.replace("-", "").replace(":", ""), ""),
        (lambda stamp: stamp.replace("-", "").replace(":", "").replace("T", " "), ""),
        (lambda stamp: stamp.replace("-", "").replace(":", "") + "Z", " with zone"),
        (lambda stamp: stamp.replace("-", "").replace(":", "") + "+0100", " with zone"),
        (lambda stamp: stamp.replace("-", "").replace(":", "") + ".250", ""),
        (lambda stamp: stamp + ",250", ""),
        (lambda stamp: stamp.replace("-", ""), ""),
        (lambda stamp: stamp.replace(":", ""), ""),
    ],
)
def test_the_basic_form_of_iso_8601(tmp_path, change, zone):
    (tmp_path / "a.csv").write_text("t,x\n" + "".join(f'"{change(stamp)}",1\n' for stamp in EVERY_SECOND))
    found = read_table(tmp_path / "a.csv", "x", time="t", gaps="2s")
    assert (found.n_documents, found.provenance["times_read_as"]) == (1, f"ISO 8601{zone}")
    assert found.provenance["gaps"]["usual_step"] == 1
    assert found.provenance["times"][0] == change(EVERY_SECOND[0])


def test_minutes_and_hours_of_the_basic_form(tmp_path):
    for n, step in [(13, 60), (11, 3600)]:
        stamps = [stamp.strftime("%Y%m%dT%H%M%S")[:n] for stamp in every(9, seconds=step)]
        found = read_table(table_of(tmp_path, stamps, "text"), "x", time="t", gaps="2h")
        assert (found.n_documents, found.provenance["gaps"]["usual_step"]) == (1, step)
