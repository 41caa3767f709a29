"""`miscope fit`, `miscope compare` and `miscope measure --fit`: what the library says, in print and in files."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import miscope as ms
from miscope.decay.storage import to_json
from miscope.processes import IsingChain

TABLE = {"lag": [1, 2, 3, 5, 8, 12, 18, 27], "mi": [], "stderr": [0.002] * 8}
TABLE["mi"] = [0.3 * np.exp(-lag / 4) for lag in TABLE["lag"]]


def assert_alike(found, expected):
    """Words the same; numbers to a thousandth, since sums in compiled libraries may differ in their last bits."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name in expected.keys() - {"sha256"}:  # of which every bit is
            assert_alike(found[name], expected[name])
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    elif isinstance(expected, float) and isinstance(found, float | int):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-6, nan_ok=True)
    else:
        assert found == expected


@pytest.fixture(scope="session")
def curves():
    """Two of different correlation length."""
    made = {"short": IsingChain(1.0).sample(48, 1024, seed=1), "long": IsingChain(1.5).sample(48, 1024, seed=2)}
    return {name: ms.measure(data, "1:40", blocks=12) for name, data in made.items()}


@pytest.fixture(scope="session")
def fits(curves):
    """What the library makes of them."""
    return {name: ms.fit(curve) for name, curve in curves.items()}


@pytest.fixture
def files(folder, curves, fits):
    """Curves, a fit and tables in the working directory."""
    for name, curve in curves.items():
        curve.save(f"{name}.json")
    curves["short"].save("short.parquet")
    fits["long"].save("long-fit.json")
    csv.write_csv(pa.table(TABLE), "table.csv")
    return folder


@pytest.fixture
def unfitted(files, monkeypatch):
    """As `files`; a curve that is fitted all the same, before its command is refused, fails the test."""

    def fitted(*_, **__):
        raise AssertionError("a curve was fitted before the command was refused")

    monkeypatch.setattr("miscope.decay.fit", fitted)
    return files


class TestFit:
    @pytest.mark.parametrize("name", ["short.json", "short.parquet"])
    def test_it_prints_what_the_library_says(self, files, miscope, fits, name):
        outcome = miscope("fit", name)
        assert (outcome.status, outcome.stderr, outcome.stdout) == (0, "", f"{fits['short']}\n")

    def test_json_and_the_file_are_the_fit(self, files, miscope, fits):
        outcome = miscope("fit", "short.json", "--json", "-o", "fit.json")
        assert (outcome.status, outcome.stderr) == (0, "wrote fit.json\n")
        assert outcome.stdout == Path("fit.json").read_text()
        assert_alike(json.loads(outcome.stdout), json.loads(to_json(fits["short"])))
        assert (
            ms.DecayFit.load("fit.json").correlation_length.value
            == json.loads(outcome.stdout)["laws"][0]["parameters"]["correlation_length"]["value"]
        )

    def test_quiet_says_nothing_but_the_fit(self, files, miscope):
        assert miscope("fit", "table.csv", "--quiet", "-o", "fit.json").stderr == ""
        assert Path("fit.json").exists()

    def test_options_reach_the_library(self, files, miscope, curves):
        """Each option changes this fit: one that were dropped, or read the other way round, would show."""
        options = ("--lags", "2:20", "--laws", "power_law, exponential", "--floor", "yes")
        found = ms.fit(curves["short"], ["power law", "exponential"], "2:20", True)
        assert_alike(json.loads(miscope("fit", "short.json", *options, "--json").stdout), json.loads(to_json(found)))
        assert [one.floor for one in found.laws] == [True, True]
        plain = json.loads(miscope("fit", "short.json", *options[:4], "--floor", "no", "--json").stdout)
        assert [one["floor"] for one in plain["laws"]] == [False, False]
        assert (plain["lags"][0], plain["lags"][-1]) == (2, 20)

    @pytest.mark.parametrize("source", ["printed", "json", "parquet"])
    def test_standard_input(self, files, miscope, fits, source):
        if source == "printed":
            content = miscope("measure", "text.txt", "--json").stdout.encode()
            miscope("measure", "text.txt", "-o", "curve.json")
            expected = ms.fit(ms.MICurve.load("curve.json"))
        else:
            content, expected = Path(f"short.{source}").read_bytes(), fits["short"]
        assert miscope("fit", "-", stdin=content).stdout == f"{expected}\n"

    def test_a_curve_printed_with_its_exact_values_is_a_curve(self, miscope):
        process = ("--process", "ising-chain:coupling=1.0", "--n-documents", "40", "--length", "500", "--blocks", "8")
        printed = miscope("measure", *process, "--lags", "1:20", "--json").stdout
        assert "exact" in json.loads(printed)
        outcome = miscope("fit", "-", "--laws", "exponential", stdin=printed.encode())
        assert (outcome.status, outcome.stderr) == (0, "")

    def test_a_pipe_of_two_commands(self, files, spawn, fits):
        """Bytes of a real pipe, not those of a test."""
        outcome = spawn("fit", "-", input=Path("short.json").read_bytes())
        assert (outcome.status, outcome.stderr, outcome.stdout) == (0, "", f"{fits['short']}\n")

    @pytest.mark.parametrize("capital", [False, True])
    @pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("tsv", "\t"), ("csv", ", ")])
    def test_tables(self, folder, miscope, suffix, separator, capital):
        suffix = suffix.upper() if capital else suffix
        rows = [separator.join(TABLE), *(separator.join(map(repr, row)) for row in zip(*TABLE.values(), strict=True))]
        Path(f"table.{suffix}").write_text("\n".join(rows).replace("np.float64(", "").replace(")", ""))
        found = ms.fit((TABLE["lag"], TABLE["mi"], TABLE["stderr"]))
        printed = json.loads(miscope("fit", f"table.{suffix}", "--json").stdout)
        assert printed.pop("label") == f"table.{suffix}"
        assert_alike(printed, {name: value for name, value in json.loads(to_json(found)).items() if name != "label"})
        assert printed["verdict"]["kind"] == "exponential"

    def test_a_table_without_bars_has_no_verdict(self, folder, miscope):
        csv.write_csv(pa.table({name: TABLE[name] for name in ("lag", "mi")}), "bare.csv")
        outcome = miscope("fit", "bare.csv")
        assert outcome.status == 0
        assert outcome.stdout.startswith("bare.csv: undecided: without error bars")
        length = ms.fit((TABLE["lag"], TABLE["mi"])).correlation_length
        assert length.value == pytest.approx(4, rel=0.01)
        assert f"correlation length {length}" in outcome.stdout

    def test_a_figure_is_that_of_the_fit(self, files, miscope, monkeypatch):
        seen = []
        monkeypatch.setattr("miscope.figures.plot", lambda *given: seen.append(given))
        outcome = miscope("fit", "table.csv", "--plot", "fit.png")
        assert (outcome.status, outcome.stderr) == (0, "wrote fit.png\n")
        ((found, path),) = seen
        assert (type(found), str(found), path) == (ms.DecayFit, outcome.stdout.rstrip("\n"), Path("fit.png"))

    def test_a_figure_is_written(self, files, miscope):
        assert miscope("fit", "table.csv", "--plot", "fit.png").status == 0
        assert Path("fit.png").read_bytes().startswith(b"\x89PNG")


class TestSeveralCurves:
    def test_each_is_fitted_and_those_of_one_law_are_compared(self, files, miscope, fits):
        outcome = miscope("fit", "short.json", "long.json")
        short, long = fits["short"], fits["long"]
        comparison = f"short.json and long.json: {ms.compare(short, long)}"
        assert outcome.stdout == f"short.json\n{short}\n\nlong.json\n{long}\n\n{comparison}\n"
        assert (outcome.status, outcome.stderr) == (0, "")
        assert comparison.endswith("different")

    def test_json_is_one_object(self, files, miscope, fits):
        printed = json.loads(miscope("fit", "short.json", "long.json", "--json").stdout)
        assert_alike(printed["fits"], [json.loads(to_json(fits[name])) for name in ("short", "long")])
        ((comparison),) = printed["comparisons"]
        found = ms.compare(fits["short"], fits["long"])
        assert_alike(comparison, {"curves": ["short.json", "long.json"], "different": True} | vars(found))

    def test_what_cannot_be_compared_is_said_beside(self, files, miscope):
        """A table has the same verdict as the curve, and no replicates."""
        outcome = miscope("fit", "short.json", "table.csv")
        assert outcome.status == 0
        assert " against " not in outcome.stdout
        assert re.fullmatch("note: short.json and table.csv are not compared: .* replicates.*\n", outcome.stderr)
        assert miscope("fit", "short.json", "table.csv", "--quiet").stderr == ""

    def test_different_laws_are_not_compared(self, files, miscope):
        noise = TABLE | {"mi": [0.0, 0.001, -0.001, 0.0, 0.001, 0.0, -0.001, 0.0]}
        csv.write_csv(pa.table(noise), "noise.csv")
        outcome = miscope("fit", "table.csv", "noise.csv", "noise.csv")
        assert outcome.stdout.count("noise.csv: no dependence") == 2
        assert " against " not in outcome.stdout
        assert outcome.stderr == ""

    def test_progress_is_counted_in_curves(self, files, miscope, monkeypatch):
        seen = []

        class Bar:
            def __init__(self, what, unit, quiet):
                seen.append((what, unit, quiet))

            def __enter__(self):
                return lambda *done: seen.append(done)

            def __exit__(self, *_):
                return None

        monkeypatch.setattr("miscope.cli.fit.progress_bar", Bar)
        miscope("fit", "table.csv", "table.csv")
        assert seen == [("fitting", "curves", False), (1, 2), (2, 2)]


class TestCompare:
    @pytest.mark.parametrize("names", [("short.json", "long.json"), ("short.parquet", "long-fit.json")])
    def test_it_prints_what_the_library_says(self, files, miscope, fits, names):
        outcome = miscope("compare", *names)
        expected = f"{ms.compare(fits['short'], fits['long'])}\n"
        assert (outcome.status, outcome.stderr, outcome.stdout) == (0, "", expected)

    def test_options_reach_the_library(self, files, miscope, fits):
        fits["short"].save("short-fit.json")
        options = ("--parameter", "correlation_length", "--paired", "--level", "0.5")
        found = ms.compare(fits["short"], fits["long"], "correlation_length", paired=True, level=0.5)
        assert miscope("compare", "short-fit.json", "long-fit.json", *options).stdout == f"{found}\n"
        printed = json.loads(miscope("compare", "short-fit.json", "long-fit.json", *options, "--json").stdout)
        assert_alike(printed, vars(found) | {"different": found.different})

    def test_a_law_that_does_not_hold_is_not_compared(self, files, refused):
        words = ["one of the curves is no power law"]
        refused("compare", "short.json", "long.json", "--parameter", "exponent", words=words)

    def test_standard_input_may_be_a_curve_or_a_fit(self, files, miscope, fits):
        expected = f"{ms.compare(fits['short'], fits['long'])}\n"
        curve, fitted = Path("short.json").read_bytes(), to_json(fits["short"]).encode()
        assert miscope("compare", "-", "long-fit.json", stdin=curve).stdout == expected
        assert miscope("compare", "-", "long-fit.json", stdin=fitted).stdout == expected

    def test_a_curve_against_itself(self, files, miscope):
        printed = json.loads(miscope("compare", "long-fit.json", "long-fit.json", "--paired", "--json").stdout)
        assert (printed["ratio"], printed["different"]) == (1, False)


class TestMeasure:
    SMALL = ("measure", "text.txt", "--lags", "1:40", "--blocks", "12")

    def test_the_fit_follows_the_table(self, miscope):
        table = miscope(*self.SMALL, "-o", "curve.json").stdout
        outcome = miscope(*self.SMALL, "--fit")
        assert (outcome.status, outcome.stderr.count("\n")) == (0, 1)  # that the data are one document
        assert outcome.stdout == f"{table}\n{ms.fit(ms.MICurve.load('curve.json'))}\n"

    def test_in_bits(self, miscope):
        outcome = miscope(*self.SMALL, "--fit", "--bits", "-o", "curve.json")
        assert f"\n{ms.fit(ms.MICurve.load('curve.json'))}\n" in outcome.stdout
        assert re.search(r"amplitude \S+ \(.*?\) bits", outcome.stdout)

    def test_json_is_one_object_of_both(self, miscope):
        curve = json.loads(miscope(*self.SMALL, "--json").stdout)
        outcome = miscope(*self.SMALL, "--fit", "--json", "-o", "curve.json")
        printed = json.loads(outcome.stdout)
        assert set(printed) == {"curve", "fit", "sha256"}
        assert printed["curve"]["mi"] == curve["mi"]
        assert printed["fit"]["verdict"] == json.loads(to_json(ms.fit(ms.MICurve.load("curve.json"))))["verdict"]
        assert Path("curve.json").read_text().startswith('{"format": "miscope.curve"')

    def test_exact_values_stay_with_the_curve(self, miscope):
        process = ("--process", "ising-chain:coupling=1.0", "--n-documents", "40", "--length", "500", "--blocks", "8")
        printed = json.loads(miscope("measure", *process, "--lags", "1,2,3,5,8,12", "--fit", "--json").stdout)
        exact = IsingChain(1.0).mutual_information([1, 2, 3, 5, 8, 12])
        np.testing.assert_allclose(printed["curve"]["exact"], exact)

    def test_the_figure_is_that_of_the_fit(self, miscope, monkeypatch):
        seen = []
        monkeypatch.setattr("miscope.figures.plot", lambda *given, **options: seen.append((given, options)))
        outcome = miscope(*self.SMALL, "--fit", "--plot", "fit.svg")
        assert (outcome.status, outcome.stderr.splitlines()[-1]) == (0, "wrote fit.svg")
        (((found, path), options),) = seen
        assert (type(found), path, options) == (ms.DecayFit, Path("fit.svg"), {})
        assert f"\n{found}\n" in outcome.stdout

    def test_no_bars_no_verdict(self, miscope):
        outcome = miscope(*self.SMALL[:-1], "0", "--fit")
        assert outcome.status == 0
        assert "undecided: without error bars" in outcome.stdout

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--lags", "1,2,3"], ["--fit takes at least 4 lags", "--lags"]),
            (["--lags", "7"], ["--fit takes at least 4 lags"]),
            (["--lags", "1:9000"], ["lag 9000"]),
            (["--scale", "lin-log"], ["--scale", "--fit"]),
        ],
    )
    def test_what_cannot_be_fitted_is_not_measured(self, refused, monkeypatch, options, words):
        def measured(*_, **__):
            raise AssertionError("measured all the same")

        monkeypatch.setattr("miscope.curve.measure", measured)
        refused("measure", "text.txt", "--fit", *options, "-o", "curve.json", words=words)


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        (["missing.json"], ["cannot read 'missing.json'", "there is no such file"]),
        (["missing.csv"], ["cannot read 'missing.csv'", "there is no such file"]),
        (["short.json", "missing.json"], ["missing.json"]),
        (["folder.json"], ["folder.json", "it is a folder"]),
        (["folder.csv"], ["folder.csv", "it is a folder"]),
        (["text.txt"], ["text.txt is not a curve", "miscope measure text.txt --fit"]),
        (["cut.json"], ["cut.json is not a curve of miscope: it is not JSON, or is cut off (at line 1, column"]),
        (["foreign.json"], ["foreign.json is not a curve of miscope", "miscope measure FILE -o"]),
        (["deep.json"], ["deep.json is not a curve of miscope"]),
        (["foreign.parquet"], ["foreign.parquet is not a curve of miscope"]),
        (["later.json"], ["later.json", "version 99", "measure again"]),
        (["long-fit.json"], ["long-fit.json is a fit already", "miscope compare long-fit.json OTHER.json"]),
        (["cut-fit.json"], ["cut-fit.json is not a fit of miscope, or is cut off"]),
        (["other.csv"], ["other.csv has the columns distance, value", "lag and mi"]),
        (["twice.csv"], ["twice.csv has the column mi more than once"]),
        (["ragged.csv"], ["ragged.csv is not a table of numbers"]),
        (["empty.csv"], ["empty.csv is not a table of numbers"]),
        (["binary.csv"], ["binary.csv is not a table of numbers"]),
        (["-"], ["standard input is not a curve of miscope: it is empty"]),
        (["-", "-"], ["standard input", "once only"]),
        (["short.json", "--laws", "powr_law"], ["unknown law", "did you mean 'power law'?"]),
        (["short.json", "--laws", "all,exponential"], ["unknown law 'all'"]),
        (["short.json", "--floor", "yse"], ["unknown floor 'yse'", "did you mean 'yes'?"]),
        (["short.json", "-o", "fit.parquet"], ["fit.parquet", ".json"]),
        (["short.json", "-o", "fit"], ["fit should end in .json"]),
        (["short.json", "--plot", "fit.jpg"], ["fit.jpg", ".png, .svg, .pdf"]),
        (["short.json", "-o", "short.json"], ["short.json is one of the files to be read"]),
        (["short.json", "-o", "./short.json"], ["one of the files to be read"]),
        (["short.json", "-o", "missing/fit.json"], ["cannot write missing/fit.json"]),
        (["short.json", "-o", "folder.json"], ["folder.json", "directory"]),
        (["short.json", "long.json", "-o", "fit.json"], ["take the fit of one curve", "2 are named", "one by one"]),
        (["short.json", "long.json", "--plot", "fit.png"], ["take the fit of one curve"]),
    ],
)
def test_what_is_refused_before_any_fit(unfitted, refused, words, errors):
    about = json.loads(Path("short.json").read_text())
    Path("cut.json").write_text(json.dumps(about)[:5000])
    Path("later.json").write_text(json.dumps(about | {"version": 99}))
    Path("foreign.json").write_text('{"lags": [1, 2]}')
    Path("deep.json").write_text("[" * 200_000)
    Path("cut-fit.json").write_text(Path("long-fit.json").read_text()[:2000])
    parquet.write_table(pa.table({"lag": [1], "mi": [0.5]}), "foreign.parquet")
    Path("other.csv").write_text("distance,value\n1,0.5\n")
    Path("twice.csv").write_text("lag,mi,mi\n1,0.5,0.5\n")
    Path("ragged.csv").write_text("lag,mi\n1,0.5\n2\n")
    Path("empty.csv").write_text("")
    Path("binary.csv").write_bytes(b"\xff\xfelag,mi\n1,2\n")
    for name in ("folder.json", "folder.csv"):
        Path(name).mkdir()
    refused("fit", *words, words=errors)


@pytest.mark.parametrize(
    ("rows", "errors"),
    [
        ("lag,mi\n1,0.5\n2,0.2", ["at least 4 lags", "there are 2"]),
        ("lag,mi\n1,0.5\n2,0.4\n2,0.3\n3,0.2\n4,0.1", ["lag 2 is there more than once"]),
        ("lag,mi,stderr\n1,0.5,0.1\n2,0.4,0\n3,0.3,0.1\n4,0.2,0.1", ["standard error at lag 2 is 0"]),
        ("lag,mi,stderr\n1,0.5,0.1\n2,0.4,-1\n3,0.3,0.1\n4,0.2,0.1", ["standard error at lag 2 is -1"]),
        ("lag,mi\n0,0.5\n2,0.4\n3,0.3\n4,0.1", ["positive"]),
        ("lag,mi\n1,high\n2,low\n3,low\n4,low", ["values", "are numbers"]),
        ("lag,mi\n", ["at least 4 lags"]),
    ],
)
def test_a_table_that_cannot_be_fitted_is_named(files, refused, rows, errors):
    Path("bad.csv").write_text(rows)
    for names in (["bad.csv"], ["table.csv", "bad.csv"]):
        refused("fit", *names, "--laws", "exponential", words=["bad.csv: ", *errors])


@pytest.mark.parametrize(
    ("lags", "errors"),
    [
        ("1:3", ["at least 4 lags", "there are 3", "wider range"]),
        ("500:", ["no lag of the curve lies in the range", "from 1 to 40"]),
        ("20:2", ["no lag of the curve lies in the range"]),
        ("five", ["5:1000", "'five'"]),
        ("1:x", ["5:1000", "'1:x'"]),
        ("2:40:+30", ["at least 4 lags", "wider range"]),
    ],
)
def test_ranges_that_cannot_be_fitted(files, refused, lags, errors):
    refused("fit", "short.json", "--lags", lags, words=["short.json: ", *errors])


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        (["short.json", "missing.json"], ["cannot read 'missing.json'"]),
        (["-", "-"], ["once only"]),
        (["short.json", "long.json", "--parameter", "exponnt"], ["unknown --parameter", "did you mean 'exponent'?"]),
        (["short.json", "long.json", "--level", "95"], ["--level lies between 0 and 1"]),
        (["short.json", "later.json"], ["later.json is a fit of version 99", "fit the curve again"]),
        (["short.json", "damaged.json"], ["damaged.json is a damaged fit of miscope"]),
    ],
)
def test_what_cannot_be_compared_before_any_fit(unfitted, refused, words, errors):
    about = json.loads(Path("long-fit.json").read_text())
    Path("later.json").write_text(json.dumps(about | {"version": 99}))
    Path("damaged.json").write_text(json.dumps({name: about[name] for name in ("format", "version", "verdict")}))
    refused("compare", *words, words=errors)


def test_a_comparison_takes_replicates(files, refused):
    refused("compare", "table.csv", "long-fit.json", words=["replicates"])


def test_verdicts_that_speak_of_nothing_in_common(files, refused):
    csv.write_csv(pa.table(TABLE | {"mi": [0.0] * 8}), "noise.csv")
    words = ['"no dependence" and "exponential"', "--parameter exponent", "--parameter correlation_length"]
    refused("compare", "noise.csv", "long-fit.json", words=words)


def test_a_full_disk_leaves_what_was_there(files, miscope, monkeypatch):
    Path("fit.json").write_text("a result of last year")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    outcome = miscope("fit", "table.csv", "-o", "fit.json")
    assert (outcome.status, outcome.stdout) == (2, "")
    assert "no space is left" in outcome.stderr
    assert Path("fit.json").read_text() == "a result of last year"


def test_an_infinite_end_of_an_interval_is_json(files, miscope, monkeypatch):
    """JSON has no number for infinity, and a reader of JSON takes none."""
    endless = ms.Comparison("exponent", 2.0, 0.0, float("inf"), 0.95, 0.5, 1.0, 0.5)
    monkeypatch.setattr("miscope.decay.compare", lambda *_, **__: endless)
    printed = miscope("compare", "long-fit.json", "long-fit.json", "--json").stdout
    assert json.loads(printed, parse_constant=pytest.fail)["high"] == "Infinity"


@pytest.mark.parametrize(("command", "example"), [("fit", "miscope fit curve.json"), ("compare", "miscope compare ")])
def test_help_has_an_example(miscope, command, example):
    outcome = miscope(command, "--help")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert example in outcome.stdout


@pytest.mark.parametrize("words", [["fit"], ["compare", "short.json"]])
def test_too_few_names(files, miscope, words):
    outcome = miscope(*words)
    assert (outcome.status, outcome.stdout) == (2, "")
    assert "CURVE" in outcome.stderr


def test_a_curve_that_is_named_like_a_table(refused):
    numbers = ",".join(f"0.{k}" for k in range(9000))
    Path("old.csv").write_text(f'{{"format": "miscope.curve", "mi": [{numbers}]}}')
    refused("fit", "old.csv", words=["old.csv", "a curve", "name it .json"])
    Path("wide.csv").write_text(f"{numbers}\n{numbers}\n")
    error = refused("fit", "wide.csv", words=["wide.csv has the columns 0.0, 0.1", "8988 more", "lag and mi"])
    assert len(error) < 1000
