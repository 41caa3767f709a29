"""The calibration: its bookkeeping against direct measurements, its store, its tables, its page."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from pyarrow import csv, parquet

import miscope as ms
from miscope import InputError
from miscope.processes import Heterogeneous, LinearRNN, MarkovChain
from miscope.studies import calibrate
from miscope.studies.calibration import COLUMNS, run_case
from miscope.studies.cases import SCALES, Case, cases
from miscope.studies.page import TABLES, tables, update_page
from miscope.studies.verdict_tables import VERDICT_TABLES

CHAIN = MarkovChain([[0.9, 0.1], [0.2, 0.8]])


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    """One group, made once: what was found, in which folder, and what it told of its progress."""
    folder, progress = tmp_path_factory.mktemp("calibration"), []
    found = calibrate("smoke", folder, groups=["blocks"], progress=lambda *each: progress.append(each))
    return found, folder, progress


def test_a_row_says_what_the_runs_say():
    """Would catch a mixed-up column, a wrong truth, or an interval other than that of the excess."""
    case = Case("blocks", "chain", CHAIN, 16, 200, (1, 3), {"blocks": 8})
    rows = run_case(case, 5)
    curves = [ms.measure(CHAIN.sample(16, 200, seed=s), (1, 3), blocks=8, seed=s) for s in range(5)]
    excess = np.array([curve.excess for curve in curves])
    truth = CHAIN.mutual_information([1, 3])
    for k, row in enumerate(rows):
        assert set(row) == set(COLUMNS)
        assert (row["lag"], row["runs"], row["blocks"], row["documents"], row["length"]) == ((1, 3)[k], 5, 8, 16, 200)
        assert row["truth"] == pytest.approx(truth[k])
        assert row["bias"] == pytest.approx(excess[:, k].mean() - truth[k])
        assert row["rmse"] == pytest.approx(np.sqrt(np.mean((excess[:, k] - truth[k]) ** 2)))
        assert row["spread"] == pytest.approx(excess[:, k].std(ddof=1))
        assert row["mean_bar"] == pytest.approx(np.mean([curve.excess_stderr[k] for curve in curves]))
        inside = [low[k] <= truth[k] <= high[k] for low, high in (curve.interval(excess=True) for curve in curves)]
        assert row["coverage"] == pytest.approx(np.mean(inside))
        assert row["found"] == pytest.approx(np.mean([curve.p_values[k] <= 0.05 for curve in curves]))
        assert row["refused"] == 0


def test_refused_bars_are_no_coverage():
    """One block with pairs gives no bar: such runs count as refused, not as wrong."""
    case = Case("single", "chain", CHAIN, 1, 60, (58,), {"blocks": 30})
    (row,) = run_case(case, 3)
    assert row["refused"] == 1
    assert np.isnan(row["coverage"])


def test_what_is_independent_has_no_truth():
    case = Case("nulls", "differ", Heterogeneous(delta=0.5), 8, 50, (1,), {"null": "document"}, independent=True)
    assert case.truth().tolist() == [0.0]
    assert run_case(case, 2)[0]["null"] == "document"


def test_unequal_documents_are_parts_of_the_equal_ones():
    case = Case("sizes", "chain", CHAIN, 40, 320, (1,), unequal=True)
    (row,) = run_case(case, 2)
    assert row["unequal"]
    with pytest.raises(InputError, match="real numbers are not cut"):
        run_case(Case("real", "rnn", LinearRNN(), 4, 320, (1,), {"estimator": "gaussian"}, unequal=True), 1)


def test_cases_are_told_apart():
    keys = [case.key for case in cases()]
    assert len(set(keys)) == len(keys)


def test_a_run_that_was_cut_off_goes_on(tmp_path, monkeypatch, blocks):
    found, folder, _ = blocks
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    files = sorted((tmp_path / "smoke").glob("blocks-*.json"))
    assert len(files) == 10
    files[0].unlink()
    monkeypatch.setattr("miscope.studies.calibration.run_case", lambda case, runs, mapper: [{"group": "blocks"}])
    again = calibrate("smoke", tmp_path, groups=["blocks"])
    assert again.rows.count({"group": "blocks"}) == 1  # only the missing one was run again
    assert [row for row in again.rows if row != {"group": "blocks"}] == [row for row in found.rows if row in again.rows]


def test_cases_of_another_version_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("miscope.studies.calibration.run_case", lambda case, runs, mapper: [{"group": "blocks"}])
    with monkeypatch.context() as patch:
        patch.setattr("miscope.studies.calibration.__version__", "0.0.1")
        calibrate("smoke", tmp_path, groups=["blocks"])
    with pytest.raises(ms.InputError, match=r"other settings .miscope: '0\.0\.1' there"):
        calibrate("smoke", tmp_path, groups=["blocks"])


def test_a_damaged_case_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("miscope.studies.calibration.run_case", lambda case, runs, mapper: [{"group": "blocks"}])
    calibrate("smoke", tmp_path, groups=["blocks"])
    next((tmp_path / "smoke").glob("blocks-*.json")).write_text("[{")
    with pytest.raises(ms.FormatError, match=r"blocks-.*json is damaged: remove it"):
        calibrate("smoke", tmp_path, groups=["blocks"])


def test_workers_change_nothing(blocks):
    one, _, progress = blocks
    two = calibrate("smoke", groups=["blocks"], workers=2)
    assert one.rows == two.rows
    assert progress[0] == (0, 60)
    assert progress[-1] == (60, 60)


def test_tables_and_files(tmp_path, blocks):
    found, *_ = blocks
    found.save(tmp_path / "c.csv")
    found.save(tmp_path / "c.parquet")
    assert csv.read_csv(tmp_path / "c.csv").num_rows == parquet.read_table(tmp_path / "c.parquet").num_rows == 40
    made = tables(found)
    assert list(made) == ["blocks"]
    assert made["blocks"].count("\n") == 2 + 10 - 1
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: blocks -->\nold\n<!-- end of table -->\nafter\n")
    update_page(page, made)
    assert page.read_text() == f"before\n<!-- table: blocks -->\n{made['blocks']}\n<!-- end of table -->\nafter\n"
    with pytest.raises(InputError, match="no place for the table nulls"):
        update_page(page, {"nulls": "x"})
    page.write_text("<!-- table: blocks -->\nold\n")
    with pytest.raises(InputError, match="has no <!-- end of table -->"):
        update_page(page, made)


def test_arguments():
    with pytest.raises(InputError, match="did you mean 'full'"):
        calibrate("ful")
    with pytest.raises(InputError, match="unknown group"):
        calibrate("smoke", groups=["blokcs"])
    with pytest.raises(InputError, match="workers must be at least 1"):
        calibrate("smoke", workers=0)
    assert SCALES["smoke"] < SCALES["quick"] < SCALES["full"]


def test_the_page_has_a_place_for_every_table():
    page = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
    for name in (*TABLES, *VERDICT_TABLES):
        assert f"<!-- table: {name} -->" in page
    assert set(TABLES) == {case.group for case in cases()}
