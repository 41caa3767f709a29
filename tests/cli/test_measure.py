"""`miscope measure`: what it prints, where, and that what it writes says the same."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from miscope import MICurve


def table_rows(stdout: str) -> dict[int, list[str]]:
    rows = [line.split() for line in stdout.splitlines()]
    return {int(row[0]): row for row in rows if len(row) >= 8 and row[0].isdigit()}


def test_the_table_has_the_numbers_of_the_curve(miscope, sticky_text):
    outcome = miscope("measure", "text.txt", "--lags", "1,2,5,100")
    curve = ms.measure(sticky_text, [1, 2, 5, 100])
    rows = table_rows(outcome.stdout)
    assert list(rows) == [1, 2, 5, 100]
    for i, row in enumerate(rows.values()):
        columns = (curve.mi, curve.stderr, curve.null, curve.excess, curve.excess_stderr, curve.q_values)
        assert row[1:7] == [f"{column[i]:.4g}" for column in columns]
        assert row[7] == f"{curve.n_pairs[i]:,}"
        assert row[8:] == (["*"] if curve.significant()[i] else [])
    assert "*" in rows[1]
    assert "text.txt: 6,000 symbols of 4 kinds in 1 document" in outcome.stdout.replace("\n", " ")
    assert "nats" in outcome.stdout


def test_the_line_above_the_table_is_one_line(miscope):
    first, second = miscope("measure", "text.txt").stdout.splitlines()[:2]
    assert first.rstrip().endswith("32 blocks")
    assert second.split()[0] == "lag"


def test_a_long_label_does_not_break_the_table(miscope):
    label = "a label that is [bold]very[/bold] much longer :smile: than any table of numbers could ever be " * 3
    outcome = miscope("measure", "text.txt", "--lags", "1,2", "--label", label)
    assert list(table_rows(outcome.stdout)) == [1, 2]
    words = " ".join(outcome.stdout.split())
    assert "[bold]very[/bold]" in words
    assert ":smile:" in words


def test_without_blocks_there_are_no_bars(miscope):
    outcome = miscope("measure", "text.txt", "--lags", "1,2", "--blocks", "0")
    row = table_rows(outcome.stdout)[1]
    assert (row[2], row[5], row[6]) == ("-", "-", "-")
    assert "*" not in outcome.stdout


def test_json_is_what_the_file_holds(miscope):
    outcome = miscope("measure", "text.txt", "--json", "-o", "curve.json")
    saved = Path("curve.json").read_text(encoding="utf-8")
    assert json.loads(outcome.stdout) == json.loads(saved)
    assert outcome.stdout == saved
    Path("printed.json").write_text(outcome.stdout, encoding="utf-8")
    printed, loaded = MICurve.load("printed.json"), MICurve.load("curve.json")
    assert str(printed) == str(loaded)
    np.testing.assert_array_equal(printed.replicates, loaded.replicates)


def test_json_has_no_nan(miscope):
    outcome = miscope("measure", "text.txt", "--json", "--blocks", "0")

    def refuse(name):
        raise AssertionError(name)

    assert json.loads(outcome.stdout, parse_constant=refuse)["stderr"][0] is None


def test_bits_are_nats_over_ln_2(miscope):
    for option in ([], ["--bits"]):
        miscope("measure", "text.txt", "--null", "document", *option, "-o", f"curve{len(option)}.json")
    nats, bits = MICurve.load("curve0.json"), MICurve.load("curve1.json")
    assert (nats.unit, bits.unit) == ("nats", "bits")
    for name in ("mi", "stderr", "null", "excess_stderr", "replicates", "null_replicates", "chance"):
        np.testing.assert_allclose(getattr(bits, name), getattr(nats, name) / np.log(2), rtol=1e-14)
    np.testing.assert_array_equal(bits.p_values, nats.p_values)
    assert "MI (bits)" in miscope("measure", "text.txt", "--bits").stdout


def test_quiet_says_nothing(miscope):
    loud = miscope("measure", "text.txt", "-o", "a.json", "--plot", "a.png")
    quiet = miscope("measure", "text.txt", "-o", "b.json", "--plot", "b.png", "--quiet")
    assert "warning: " in loud.stderr
    assert "wrote a.json\nwrote a.png\n" in loud.stderr
    assert quiet.stderr == ""
    assert quiet.stdout == loud.stdout
    assert MICurve.load("b.json").warnings == MICurve.load("a.json").warnings != ()


def test_quiet_still_says_what_is_wrong(miscope):
    outcome = miscope("measure", "missing.txt", "--quiet")
    assert outcome.status == 2
    assert "no such file" in outcome.stderr


def test_stdout_has_results_only(miscope):
    outcome = miscope("measure", "text.txt", "-o", "a.json", "--plot", "a.png")
    assert "warning" not in outcome.stdout
    assert "wrote" not in outcome.stdout
    assert "lag" not in outcome.stderr.splitlines()[0].split()[:1]


def test_several_files_a_glob_and_compressed_ones_are_the_same(folder, miscope, sticky_text):
    for k, part in enumerate((sticky_text[:2000], sticky_text[2000:4000], sticky_text[4000:])):
        (folder / f"part-{k}.txt").write_text(part)
        with gzip.open(folder / f"packed-{k}.txt.gz", "wt") as file:
            file.write(part)
    for name, files in {
        "several": [f"part-{k}.txt" for k in range(3)],
        "glob": ["part-*.txt"],
        "packed": ["packed-*.txt.gz"],
    }.items():
        assert miscope("measure", *files, "-o", f"{name}.json").status == 0
    several, glob, packed = (MICurve.load(f"{name}.json") for name in ("several", "glob", "packed"))
    assert several.mi.tolist() == glob.mi.tolist() == packed.mi.tolist()
    assert several.provenance["n_documents"] == 3
    assert several.n_pairs[0] == 6000 - 3
    assert several.label == "part-0.txt and 2 more"


def test_standard_input(folder, miscope):
    text = (folder / "text.txt").read_bytes()
    assert miscope("measure", "-", "--json", "--label", "x", stdin=text).status == 0
    piped = json.loads(miscope("measure", "-", "--json", stdin=text).stdout)
    read = json.loads(miscope("measure", "text.txt", "--json").stdout)
    assert piped["label"] == "<stdin>"
    assert piped["mi"] == read["mi"]
    packed = json.loads(miscope("measure", "-", "--json", stdin=gzip.compress(text)).stdout)
    assert packed["mi"] == read["mi"]


def test_an_array(miscope):
    np.save("codes.npy", np.tile([0, 1, 2], 500))
    outcome = miscope("measure", "codes.npy", "--lags", "1,3", "--json", "--label", "wheel")
    curve = json.loads(outcome.stdout)
    assert curve["label"] == "wheel"
    np.testing.assert_allclose(curve["mi"], np.log(3), atol=0.01)


@pytest.mark.parametrize("unit", ["byte", "character", "word", "token"])
@pytest.mark.parametrize("documents", ["file", "line", "blank-line", "none"])
def test_units_and_documents(folder, miscope, unit, documents):
    (folder / "poem.txt").write_text("So it is so.\nSo be it so, be it so!\n\n" * 60)
    outcome = miscope("measure", "poem.txt", "--unit", unit, "--documents", documents, "--lags", "1,2", "--json")
    assert outcome.status == 0
    source = json.loads(outcome.stdout)["provenance"]["source"]
    assert (source["unit"], source["documents"]) == (unit, documents)


@pytest.mark.parametrize("null", ["global", "document", "rotate", "none"])
@pytest.mark.parametrize("quantity", ["mutual_information", "rational", "correlation"])
def test_every_quantity_goes_with_every_null(miscope, null, quantity):
    drawn = ("--plot", "a.svg") if quantity == "mutual_information" or null == "global" else ()
    outcome = miscope("measure", "text.txt", "--null", null, "--quantity", quantity, "--lags", "1,2,4", *drawn)
    assert outcome.status == 0
    assert list(table_rows(outcome.stdout)) == [1, 2, 4]


@pytest.mark.parametrize(
    "estimator", ["plug_in", "miller_madow", "grassberger", "chao_shen", "shrinkage", "zhang", "nsb"]
)
def test_every_estimator(miscope, estimator):
    outcome = miscope("measure", "text.txt", "--estimator", estimator, "--lags", "1", "--json")
    assert json.loads(outcome.stdout)["estimator"] == estimator


def test_the_method_does_not_change_the_result(miscope):
    found = [
        json.loads(miscope("measure", "text.txt", "--method", method, "--json").stdout)
        for method in ("dense", "bits", "sparse")
    ]
    assert found[0]["mi"] == found[1]["mi"] == found[2]["mi"]
    assert found[0]["replicates"] == found[1]["replicates"] == found[2]["replicates"]


def test_the_same_command_twice_gives_the_same_bytes(folder, miscope, spawn):
    """Here and in a process of its own, which hashes strings in another way."""
    outputs = []
    for call, more in ((miscope, {}), (spawn, {"env": os.environ | {"PYTHONHASHSEED": "1"}})):
        command = ("measure", "text.txt", "--null", "rotate", "--json", "-o", "curve.json", "--plot", "curve.svg")
        printed = call(*command, **more).stdout
        outputs.append([printed, *((folder / f"curve.{kind}").read_bytes() for kind in ("json", "svg"))])
    assert outputs[0] == outputs[1]
