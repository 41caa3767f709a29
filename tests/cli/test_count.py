"""`miscope count`: counts as files, measured, added, and gone on with."""

import json

import numpy as np
import pytest

import miscope as ms
from miscope.counting import pair_files


@pytest.fixture
def parts(tmp_path):
    generator = np.random.default_rng(4)
    words = ["so", "it", "goes", "and", "then", "we", "say", "no"]
    files = []
    for k in range(2):
        lines = [" ".join(generator.choice(words[k : k + 7], 60)) for _ in range(40)]
        files.append(tmp_path / f"part{k}.txt")
        files[-1].write_text("\n".join(lines) + "\n")
    return [str(file) for file in files]


READING = ("--unit", "word", "--documents", "line")


def test_counts_of_files_are_measured_as_the_files_are(miscope, parts, tmp_path):
    output = str(tmp_path / "counts.arrow")
    outcome = miscope("count", *parts, *READING, "--lags", "1,2,5", "-o", output)
    assert outcome.status == 0
    assert outcome.stdout == f"{output}: {repr(ms.PairCounts.load(output))[11:-1]}\n"
    kept = json.loads(miscope("measure", output, "--json").stdout)
    direct = json.loads(miscope("measure", *parts, *READING, "--lags", "1,2,5", "--json").stdout)
    for name in ("lags", "mi", "stderr", "null", "excess_stderr", "p_values", "label", "n_blocks", "warnings"):
        assert kept[name] == direct[name], name


def test_counts_are_added(miscope, parts, tmp_path):
    for k, part in enumerate(parts):
        miscope("count", part, *READING, "--lags", "1,2", "--blocks", "0", "-o", f"{tmp_path}/counts{k}.arrow")
    pair = (f"{tmp_path}/counts0.arrow", f"{tmp_path}/counts1.arrow")
    outcome = miscope("count", *pair, "-o", f"{tmp_path}/both.arrow")
    assert outcome.status == 0
    both = json.loads(miscope("measure", f"{tmp_path}/both.arrow", "--json").stdout)
    at_once = json.loads(miscope("measure", f"{tmp_path}/counts*.arrow", "--json").stdout)
    direct = json.loads(miscope("measure", *parts, *READING, "--lags", "1,2", "--blocks", "0", "--json").stdout)
    assert both["mi"] == at_once["mi"] == direct["mi"]


def test_a_stopped_count_is_gone_on_with(miscope, parts, tmp_path):
    output = str(tmp_path / "counts.arrow")
    corpus = ms.read_text(parts, unit="word", documents="line")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_files, "_join", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ms.count_to_file(corpus, output, [1, 2])
    refused = miscope("count", *parts, *READING, "--lags", "1,3", "-o", output)
    assert refused.status == 2
    assert (
        "unfinished count with other lags: finish that one by the command that began it, or throw it away, --fresh"
        in refused.stderr
    )
    piece = tmp_path / "counts.arrow.part" / "lag-2.cells"
    piece.write_bytes(piece.read_bytes()[:-7])
    outcome = miscope("count", *parts, *READING, "--lags", "1,2", "-o", output)
    assert outcome.status == 0
    assert "damaged or of other data: counted again are lag-2" in outcome.stderr
    assert f"went on with what lay unfinished in {output}.part" in outcome.stderr
    assert ms.PairCounts.load(output) == ms.counting.count_pairs(corpus, [1, 2])
    again = miscope("count", *parts, *READING, "--lags", "1,3", "-o", output, "--fresh")
    assert (again.status, again.stderr) == (0, "")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--unit", "word"], "--unit cannot be used with files of counts, which are added as they are"),
        (["--blocks", "3"], "--blocks cannot be used with files of counts"),
        (["part0.txt"], "holds pair counts, and part0.txt does not: count the latter first, then add the counts"),
        (["other.arrow"], "cannot add counts at different lags"),
        (["counts.arrow"], "counts.arrow is named twice, and would be counted twice"),
        (["-o", "counts.arrow"], "is one of the files to be read"),
        (["-o", "counts.json"], "should end in .arrow"),
    ],
)
def test_what_cannot_be_added(miscope, parts, tmp_path, monkeypatch, more, words):
    monkeypatch.chdir(tmp_path)
    miscope("count", "part0.txt", "--lags", "1,2", "-o", "counts.arrow")
    miscope("count", "part0.txt", "--lags", "1,4", "-o", "other.arrow")
    outcome = miscope("count", "counts.arrow", "-o", "sum.arrow", *more)
    assert outcome.status == 2
    assert words in outcome.stderr.replace("\n", " ")
    assert not (tmp_path / "sum.arrow").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--null", "document"], "needs the symbols in their order, and there are only their counts"),
        (["--unit", "word", "--top", "5"], "--unit, --top cannot be used with counts: counts.arrow holds how often"),
        (["--lags", "1,9"], "lag 9 was not counted: the counts are at 2 lags from 1 to 2"),
        (["--fit"], "--fit takes at least"),
        (["--max-memory", "much"], "2GB"),
    ],
)
def test_what_counts_cannot_be_asked(miscope, parts, tmp_path, monkeypatch, more, words):
    monkeypatch.chdir(tmp_path)
    miscope("count", "part0.txt", "--lags", "1,2", "-o", "counts.arrow")
    target = ["part0.txt"] if "--max-memory" in more else ["counts.arrow"]
    outcome = miscope("measure", *target, *more)
    assert outcome.status == 2
    assert words in outcome.stderr.replace("\n", " ")
