"""What a report is made from: files, folders, objects; and what it refuses."""

import json

import pytest

import miscope as ms
from miscope.digests import signed
from miscope.errors import FormatError, InputError
from miscope.report import report
from miscope.report.reading import collect

from .conftest import Reader, embedded

pytestmark = pytest.mark.extras


@pytest.fixture
def folder(tmp_path, chain, fit, other, uniformity, drift):
    """Results as commands write them, with a file that is none."""
    made = tmp_path / "results"
    (made / "below").mkdir(parents=True)
    chain.save(made / "curve.json")
    fit.save(made / "fit.json")
    other.save(made / "below" / "other.parquet")
    (made / "parts.json").write_text(signed(uniformity.to_dict()))
    (made / "drift.json").write_text(signed(drift.to_dict()))
    (made / "settings.json").write_text('{"colour": "blue"}')
    (made / "notes.txt").write_text("nothing")
    return made


def test_files_and_folders_are_read_as_objects_are(tmp_path, folder, chain, fit, other, uniformity, drift):
    items, notes = collect(folder)
    assert sorted(item.kind for item in items) == ["curve", "curve", "drift", "fit", "uniformity"]
    assert notes == ["Left out of the folder results, because no results of miscope: settings.json."]
    of_files = report([folder], tmp_path / "files.html", fit=False)
    of_objects = report([other, chain, drift, fit, uniformity], tmp_path / "objects.html", fit=False)
    assert embedded(of_files)["figures"] == embedded(of_objects)["figures"]
    assert "settings.json" in of_files.read_text(encoding="utf-8")


def test_what_commands_print_as_json_is_read(tmp_path, chain, fit, probed):
    from miscope.curve.storage import to_json
    from miscope.decay.storage import to_json as fit_to_json

    whole = {"curve": json.loads(to_json(chain)), "fit": json.loads(fit_to_json(fit)), "spectrum": probed[1].to_dict()}
    several = {"fits": [whole["fit"]], "comparisons": [vars(ms.compare(fit, fit)) | {"curves": ["one", "other"]}]}
    for name, body in (("probe.json", whole), ("fits.json", several)):
        (tmp_path / name).write_text(signed(body))
    kinds = [item.kind for item in collect([tmp_path / "probe.json", tmp_path / "fits.json"])[0]]
    assert kinds == ["curve", "fit", "spectrum", "fit", "comparison"]
    page = report([tmp_path / "fits.json"], tmp_path / "page.html").read_text(encoding="utf-8")
    assert "of one and other" in Reader(page).text


def test_a_comparison_is_shown(tmp_path, fit):
    text = Reader(report([fit, ms.compare(fit, fit)], tmp_path / "page.html").read_text(encoding="utf-8")).text
    assert "not told apart" in text
    assert "ratio 1" in text


def test_names_of_files_are_text(tmp_path, other):
    name = "<img src=x onerror=alert(1)>&\"'.json"
    other.save(tmp_path / name)
    page = Reader(report(tmp_path / name, tmp_path / "page.html", fit=False).read_text(encoding="utf-8"))
    assert name in page.text
    assert not page.all("img")


@pytest.mark.parametrize("nothing", [[], (), {}], ids=str)
def test_a_report_from_nothing_is_refused(tmp_path, nothing):
    with pytest.raises(InputError, match=r"none is given|not from dict"):
        report(nothing, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["ab" * 3000, "a\0b"], ids=["long", "null"])
def test_a_text_that_can_be_no_name_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="cannot read"):
        report(name, tmp_path / "page.html")


def test_a_folder_without_results_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "other.json").write_text("[1, 2]")
    (tmp_path / "empty" / "broken.json").write_text("{")
    with pytest.raises(InputError, match="there is no result in the folder"):
        report(tmp_path / "empty", tmp_path / "page.html")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"colour": 1}', "is no result that a report can show"),
        ("[1, 2]", "is no result that a report can show"),
        ('{"format": "miscope.curve", "vers', "is cut off"),
        ("", "is not JSON"),
        ('{"format": "miscope.curve", "version": 0}', "measure again, or use the miscope that wrote it"),
        ('{"format": "miscope decay fit", "version": 0}', "fit the curve again"),
        ('{"format": "miscope.telepathy", "version": 1}', "which this version of miscope does not show"),
        ('{"exchangeable": 1, "part_p": 2, "ratios": 3}', r"early version of miscope.*miscope uniformity PART PART"),
        (
            '{"format": "miscope.drift", "version": 0, "miscope": "0.0.1"}',
            r"by miscope 0\.0\.1 in version 0 .*make it again",
        ),
        ('{"format": "miscope.study", "version": 9}', r"of another version in version 9 .*this one .* reads version 1"),
        ('{"data": {"label": "a"}, "models": [{"label": "b"}], "factor": 1, "level": 1}', "make it again"),
        ('{"bounds": [], "slopes": [], "p_trend": 0}', "make it again"),
    ],
)
def test_a_file_that_cannot_be_shown_is_refused(tmp_path, content, words):
    (tmp_path / "odd.json").write_text(content)
    with pytest.raises(FormatError, match=words) as error:
        report(tmp_path / "odd.json", tmp_path / "page.html")
    assert "odd.json" in str(error.value)
    assert not (tmp_path / "page.html").exists()


def test_numbers_that_are_none_are_refused(tmp_path, drift):
    (tmp_path / "drift.json").write_text(signed(drift.to_dict() | {"slopes": ["<b>", 1, 2]}))
    with pytest.raises(FormatError, match="is damaged, or was written by another version"):
        report(tmp_path / "drift.json", tmp_path / "page.html")


def test_what_is_nested_without_end_is_refused(tmp_path, drift):
    body = drift.to_dict() | {"label": "", "more": None}
    nested = "[" * 900 + "]" * 900
    (tmp_path / "drift.json").write_text(json.dumps(body).replace('"more": null', f'"more": {nested}'))
    with pytest.raises(FormatError, match="nested"):
        report(tmp_path / "drift.json", tmp_path / "page.html")


def test_an_older_file_in_a_folder_is_told_too(tmp_path, folder):
    (folder / "old.json").write_text('{"format": "miscope.curve", "version": 0}')
    with pytest.raises(FormatError, match=r"old\.json holds version 0"):
        report(folder, tmp_path / "page.html")


def test_other_bad_input(tmp_path, other):
    with pytest.raises(InputError, match="cannot read"):
        report(tmp_path / "missing.json", tmp_path / "page.html")
    with pytest.raises(InputError, match="not from int"):
        report([other, 3], tmp_path / "page.html")
    with pytest.raises(InputError, match=r"written as \.html"):
        report(other, tmp_path / "page.pdf")
    with pytest.raises(InputError, match="does not exist"):
        report(other, tmp_path / "no" / "page.html", fit=False)
    with pytest.raises(InputError, match="cannot read"):
        report("\0.json", tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_a_page_that_stands_there_is_kept_when_another_fails(tmp_path, other):
    (tmp_path / "page.html").write_text("kept")
    with pytest.raises(InputError):
        report([other, 3], tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "kept"


def test_pairs_and_reaches_are_read_from_files_of_their_own(tmp_path, probed, pairs):
    pairs.save(tmp_path / "pairs.json")
    (tmp_path / "reach.json").write_text(signed(probed[0].to_dict()))
    items, notes = collect(tmp_path)
    assert [(item.kind, item.name) for item in items] == [("contributions", "pairs.json"), ("reach", "reach.json")]
    assert not notes
    text = report(tmp_path, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "a forgetful model" in text
