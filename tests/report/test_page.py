"""What stands in a page, and that all of it is what was measured."""

import base64
import dataclasses
import hashlib
import html
import json
import os
import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

import miscope as ms
from miscope.curve import MICurve
from miscope.errors import MissingExtraError
from miscope.figures.style import COLOURS
from miscope.report import report

from .conftest import EVIL, Reader, as_numbers, embedded

pytestmark = pytest.mark.extras


def series_of(path, figure, name):
    [found] = [each for each in embedded(path)["figures"][figure]["series"] if each["name"] == name]
    return found


def same(found, expected):
    np.testing.assert_array_equal(as_numbers(found), expected)


def test_headings_make_an_outline(everything):
    page = Reader(everything.read_text(encoding="utf-8"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("main")) == 1


def test_names_are_unique_and_lead_somewhere(everything):
    page = Reader(everything.read_text(encoding="utf-8"))
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    labels = [attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes]
    links = [attributes["href"][1:] for attributes in page.all("a")]
    assert {*labels, *links} <= {*names}


def test_every_figure_has_its_numbers_in_a_table(everything):
    text = everything.read_text(encoding="utf-8")
    data = embedded(everything)
    figures = re.findall(r"<figure.*?</figure>", text, flags=re.DOTALL)
    assert len(figures) == len(data["figures"]) >= 9
    assert all("<table>" in each and "<caption>" in each for each in figures)
    page = Reader(text)
    saved = [attributes["data-csv"] for attributes in page.all("button") if "data-csv" in attributes]
    assert sorted(saved) == sorted(data["tables"])
    assert len(page.all("table")) == len(page.all("caption")) == len(saved)
    hosts = [attributes["data-figure"] for attributes in page.all("div") if "data-figure" in attributes]
    assert sorted(hosts) == sorted(data["figures"])


def test_every_kind_of_result_is_told(everything):
    text = Reader(everything.read_text(encoding="utf-8")).text
    for word in ("exponential", "correlation length", "Reach: models", "Spectrum of", "Couplings of", "not alike"):
        assert word in text
    for word in ("Uniformity map", "Drift of", "Pairs that carry", "drifts", "Kept apart"):
        assert word in text


def test_points_are_the_numbers_of_the_curve(tmp_path, chain, other):
    path = report([chain, other], tmp_path / "page.html", fit=False)
    for curve in (chain, other):
        points = series_of(path, "curves-1", curve.label)
        low, high = curve.interval(excess=True)
        for key, expected in (("x", curve.lags), ("y", curve.excess), ("low", low), ("high", high)):
            same(points[key], expected)
        assert points["sure"] == curve.significant().tolist()
        floor = series_of(path, "curves-1", f"{curve.label}: chance floor")
        same(floor["y"], curve.null)
        assert floor["of"] == curve.label
    exact = series_of(path, "curves-1", "exact: a chain")
    truth = ms.processes.IsingChain(coupling=1.5).mutual_information(exact["x"])
    np.testing.assert_allclose(exact["y"], truth, rtol=1e-12)


def test_a_table_has_all_columns_in_full(tmp_path, chain):
    path = report(chain, tmp_path / "page.html", fit=False)
    [table] = [each for name, each in embedded(path)["tables"].items() if name.startswith("curves-1")]
    columns = {column["name"]: column["values"] for column in table["columns"]}
    expected = chain.to_table().to_pydict()
    assert set(columns) == {name.replace("_", " ") for name in expected}
    for name, values in expected.items():
        same(columns[name.replace("_", " ")], values)


def test_results_are_carried_whole(tmp_path, chain, fit, everything):
    path = report([chain, fit], tmp_path / "page.html")
    saved = {each["name"]: each["text"] for each in embedded(path)["results"]}
    texts = list(saved.values())
    (tmp_path / "curve.json").write_text(texts[0])
    (tmp_path / "fit.json").write_text(texts[1])
    again = MICurve.load(tmp_path / "curve.json")
    for name in ("lags", "mi", "stderr", "replicates", "null", "p_values"):
        np.testing.assert_array_equal(getattr(again, name), getattr(chain, name))
    assert str(ms.DecayFit.load(tmp_path / "fit.json")) == str(fit)
    assert all(json.loads(each["text"]) for each in embedded(everything)["results"])


def test_a_fit_has_its_law_and_its_verdict(tmp_path, chain, fit):
    path = report([chain, fit], tmp_path / "page.html")
    best = fit.best
    line = series_of(path, "fit-1", best.name)
    np.testing.assert_allclose(line["y"], best(np.array(line["x"])), rtol=1e-12)
    points = series_of(path, "fit-1", "a chain")
    same(points["x"], fit.lags)
    same(points["y"], fit.values)
    [span] = embedded(path)["figures"]["fit-1"]["spans"]
    assert (span["from"], span["to"]) == (fit.verdict.first, fit.verdict.last)
    text = Reader(path.read_text(encoding="utf-8")).text
    assert f"with correlation length {fit.correlation_length.value:.3g} symbols" in text
    assert fit.verdict.reason[1:] in text
    columns = {column["name"]: column["values"] for column in embedded(path)["tables"]["laws-1"]["columns"]}
    assert columns["value"][0] == next(iter(fit.laws[0].parameters.values())).value


def test_a_fit_that_is_given_is_not_made_again(tmp_path, chain, fit, monkeypatch):
    monkeypatch.setattr("miscope.decay.fit", lambda *_: pytest.fail("fitted again"))
    path = report([fit, chain], tmp_path / "page.html")
    assert list(embedded(path)["figures"]) == ["fit-1"]
    assert "Laws were fitted while" not in path.read_text(encoding="utf-8")


def test_curves_are_fitted_where_no_fit_is_given(tmp_path, chain, fit):
    done = []
    path = report(chain, tmp_path / "page.html", progress=lambda *each: done.append(each))
    assert "Laws were fitted while" in path.read_text(encoding="utf-8")
    same(
        series_of(path, "fit-1", fit.best.name)["y"], series_of(report([chain, fit], path), "fit-1", fit.best.name)["y"]
    )
    assert done == [(1, 1)]


def test_a_fit_of_another_curve_stays_its_own(tmp_path, other, fit):
    path = report([other, fit], tmp_path / "page.html", fit=False)
    assert list(embedded(path)["figures"]) == ["curves-1", "fit-1"]


def test_reach_and_models(everything, probed):
    reach, spectrum, couplings = probed
    ratio = series_of(everything, "reach-1-ratio", "a forgetful model")
    same(ratio["x"], reach.lags[reach.used])
    same(ratio["y"], reach.ratio[reach.used])
    model = series_of(everything, "reach-1-curves", "a forgetful model")
    same(model["y"], reach.model)
    [rule, _] = embedded(everything)["figures"]["reach-1-ratio"]["rules"]
    assert rule["y"] == reach.factor
    columns = {column["name"]: column["values"] for column in embedded(everything)["tables"]["reach-1"]["columns"]}
    assert columns["reach"] == [reach.lag]
    found = series_of(everything, "couplings-1-figure", couplings.label)
    same(found["y"], couplings.values)
    modes = {
        column["name"]: column["values"] for column in embedded(everything)["tables"]["spectrum-1-numbers"]["columns"]
    }
    same(modes["modulus"], np.abs(spectrum.eigenvalues))


def test_maps(everything, uniformity, drift):
    figures = embedded(everything)["figures"]
    ratios = figures["parts-1-map"]
    assert ratios["rows"] == list(uniformity.names)
    assert ratios["words"][0][0] == f"{uniformity.ratios[0, 0]:.2f}"
    expected = np.clip(np.log2(uniformity.ratios), -1, 1)
    np.testing.assert_allclose(ratios["values"], np.where(np.isfinite(expected), expected, 0.0), atol=1e-12)
    part = series_of(everything, "parts-1-curves", "test")
    same(part["y"], uniformity.curves[2].excess)
    table = embedded(everything)["tables"]["drift-1-numbers"]
    columns = {column["name"]: column["values"] for column in table["columns"]}
    same(columns["value"], drift.values.ravel())
    assert len(figures["drift-1-map"]["rows"]) == len(drift.values)


def test_no_text_becomes_markup(everything):
    page = Reader(everything.read_text(encoding="utf-8"))
    assert not page.all("img")
    assert not page.all("b")
    assert [attributes.get("type") for attributes in page.all("script")] == ["application/json", None]
    assert not [attributes for _, attributes in page.tags if any(name.startswith("on") for name in attributes)]
    assert page.text.count(" ".join(EVIL.split())) >= 4  # where it is said, it is said as it is
    [data] = re.findall(r'id="embedded">(.*)</script>', everything.read_text(encoding="utf-8"))
    assert not {*"<>&"} & {*data}
    figures = embedded(everything)["figures"].values()
    assert any(each["name"] == EVIL for figure in figures for each in figure.get("series", []))


def test_symbols_are_shown_as_they_are(everything):
    text = everything.read_text(encoding="utf-8")
    assert "'\\n'" in Reader(text).text  # a line break, so that it can be seen
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", text[text.index('id="pairs-1"') : text.index('id="sources"')])
    assert EVIL in [html.unescape(cell) for cell in cells]


def test_nothing_may_be_fetched_and_nothing_else_may_run(everything):
    text = everything.read_text(encoding="utf-8")
    page = Reader(text)
    [policy] = [each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    for tag in ("style", "script"):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    addresses = [value for _, each in page.tags for name, value in each.items() if name in ("src", "href") and value]
    assert all(value.startswith(("#", "data:")) for value in addresses)
    assert {*re.findall(r"https?://[^\s\"')]+", text)} == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert "url(http" not in text


def test_colours_are_those_of_the_figures(everything):
    text = everything.read_text(encoding="utf-8")
    assert all(f"--c{k}:{colour}" in text for k, colour in enumerate(COLOURS))


def test_the_same_results_give_the_same_bytes(tmp_path, chain, fit):
    one, two = (report([chain, fit], tmp_path / name).read_bytes() for name in ("one.html", "two.html"))
    assert one == two


def test_curves_that_mean_different_things_are_kept_apart(tmp_path, chain, other, words):
    path = report([chain, words, other.in_bits(), other], tmp_path / "page.html", fit=False)
    drawn = [
        [each["name"] for each in figure["series"] if each["kind"] == "points"]
        for figure in embedded(path)["figures"].values()
    ]
    assert drawn == [["a chain", "another chain (2)"], ["words"], ["another chain (1)"]]
    text = Reader(path.read_text(encoding="utf-8")).text
    assert "Kept apart" in text
    assert "in charts of their own" in text
    alone = report([chain, other], tmp_path / "alike.html", fit=False)
    assert "Kept apart" not in alone.read_text(encoding="utf-8")


def test_the_same_unit_with_another_alphabet_is_kept_apart(tmp_path, other):
    sample = ms.Sequences.from_arrays([np.random.default_rng(k).integers(0, 20, 200) for k in range(8)])
    large = ms.measure(sample, lags=[1, 2, 4], blocks=8, label="twenty symbols")
    path = report([other, large], tmp_path / "page.html", fit=False)
    assert len(embedded(path)["figures"]) == 2


def test_how_far_dependence_reaches(tmp_path, chain, other):
    text = Reader(report(chain, tmp_path / "page.html", fit=False).read_text(encoding="utf-8")).text
    assert re.search(r"Dependence stands above chance up to lag \d+; beyond it is not seen\.", text)
    bare = dataclasses.replace(other, stderr=np.full(5, np.nan), excess_stderr=np.full(5, np.nan))
    assert "There are no error bars" in report(bare, tmp_path / "bare.html", fit=False).read_text(encoding="utf-8")
    noise = ms.Sequences.from_arrays([np.random.default_rng(k).integers(0, 2, 300) for k in range(16)])
    none = ms.measure(noise, lags=[1, 2, 4, 8, 16], blocks=16)
    assert "No dependence stands above chance" in report(none, tmp_path / "none.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "how",
    [{"estimator": "bracket"}, {"quantity": "correlation"}, {"null": "none"}, {"blocks": 0}, {"null": "document"}],
    ids=str,
)
def test_every_kind_of_curve_has_its_figure(tmp_path, how):
    sample = ms.processes.IsingChain(coupling=1.0).sample(16, 300, seed=3)
    curve = ms.measure(sample, lags=[1, 2, 4, 8], **how)
    path = report(curve, tmp_path / "page.html", fit=False)
    [figure] = embedded(path)["figures"].values()
    [points] = [each for each in figure["series"] if each["kind"] == "points"]
    same(points["y"], curve.mi if how.get("estimator") == "bracket" else curve.excess)


def test_real_numbers(tmp_path):
    series = ms.processes.FractionalNoise(hurst=0.8).sample(16, 256, seed=1)
    curve = ms.measure(series, lags=[1, 2, 4], estimator="gaussian")
    text = Reader(report(curve, tmp_path / "page.html").read_text(encoding="utf-8")).text
    assert "4,096 real numbers in 16 documents" in text


def test_warnings_are_said_once(tmp_path, chain, other):
    told = [dataclasses.replace(each, warnings=("mind the gap",)) for each in (chain, other)]
    text = Reader(report(told, tmp_path / "page.html", fit=False).read_text(encoding="utf-8")).text
    assert text.count("Mind the gap.") == 1
    assert "a chain and another chain" in text


def test_notes_of_fits_are_told(tmp_path, chain, fit):
    noted = dataclasses.replace(fit, notes=("taken with a grain of salt",))
    assert "Taken with a grain of salt." in report([chain, noted], tmp_path / "page.html").read_text(encoding="utf-8")


def test_names_that_are_no_unicode_are_shown_all_the_same(tmp_path, other):
    odd = dataclasses.replace(other, label=os.fsdecode(b"caf\xe9"))
    text = report(odd, tmp_path / "page.html", fit=False).read_text(encoding="utf-8")
    assert "caf?" in text


def test_a_curve_of_many_lags_is_carried_by_its_table(tmp_path):
    lags = np.arange(1, 1001)
    falling = np.linspace(0.5, 0.001, 1000)
    blocks = np.tile(falling, (64, 1))
    curve = dataclasses.replace(
        ms.measure("abab" * 600, lags=[1], blocks=2, label="many"),
        lags=lags,
        n_pairs=lags,
        **dict.fromkeys(("mi", "stderr", "excess_stderr", "p_values"), falling),
        **dict.fromkeys(("chance", "recovered", "wander", "second_order")),
        null=0 * falling,
        replicates=blocks,
        null_replicates=0 * blocks,
        block_pairs=np.ones((64, 1000), np.int64),
    )
    path = report(curve, tmp_path / "page.html", fit=False)
    [table] = embedded(path)["tables"]["curves-1-many"]["columns"][:1]
    assert table["values"] == lags.tolist()
    text = path.read_text(encoding="utf-8")
    assert "400 of 1,000 rows are shown; the file has all." in text
    rows = re.findall(r'<th scope="row" class="number">([^<]*)</th>', text)
    assert (len([each for each in rows if each]), rows[0], rows[399]) == (400, "1", "1,000")


def test_the_room_can_be_called_whoever_came_first():
    for first in ("import miscope.report", "from miscope.report.page import report"):
        code = f"import miscope as ms\n{first}\nms.report([], 'x.html')"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "none is given" in done.stderr


def test_without_the_extra(tmp_path, other, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r'pip install "miscope\[report\]"'):
        report(other, tmp_path / "page.html", fit=False)
    assert not list(tmp_path.iterdir())
