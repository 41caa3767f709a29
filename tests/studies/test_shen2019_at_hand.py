"""Text and prices that a person names: cut into documents, found by column, refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from miscope.sequences import builtin
from miscope.studies.shen2019.at_hand import PIECES, check_corpus, check_prices, corpus, in_documents, price_classes

PRICES = "Date,Open,{}\n" + "".join(f"2024-01-{day:02},1,{100 + day % 3}\n" for day in range(1, 30))


def test_a_text_of_one_document_is_cut_and_nothing_is_lost(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("so it is, " * 200)
    whole = ms.read(book, unit="character")
    made = corpus({"corpus": str(book)}, "character")
    assert (whole.n_documents, made.n_documents) == (1, PIECES)
    assert np.array_equal(made.codes, whole.codes)
    assert made.alphabet == whole.alphabet
    assert set(made.lengths) == {31, 32}
    few = corpus({"corpus": str(book)}, "character", 5)
    assert few.n_documents == 5
    assert np.array_equal(few.codes, whole.codes[: few.n_symbols])


def test_many_documents_stay_as_they_are() -> None:
    text = ms.Sequences.from_arrays([list("so it is")] * 40)
    assert in_documents(text) is text


@pytest.mark.parametrize("column", ["Close", "Adj Close", "close"])
def test_the_column_of_closing_prices_is_found(tmp_path: Path, column: str) -> None:
    table = tmp_path / "prices.csv"
    table.write_text(PRICES.format(column))
    if column == "close":
        with pytest.raises(ms.InputError, match="name one with column"):
            check_prices({"prices": str(table)})
    named = {"prices": str(table), "prices_column": column} if column == "close" else {"prices": str(table)}
    assert price_classes(named, "returns:sign").decode(0)[:6] == "+-++-+"  # type: ignore[union-attr]


def test_the_only_column_needs_no_name(tmp_path: Path) -> None:
    table = tmp_path / "prices.csv"
    table.write_text("value\n" + "\n".join(str(100 + k % 3) for k in range(30)))
    assert price_classes({"prices": str(table)}, "returns:sign").n_symbols == 29  # type: ignore[union-attr]


def test_what_is_wrong_with_a_column_is_said(tmp_path: Path) -> None:
    table = tmp_path / "prices.csv"
    table.write_text("Open,Close\n1,2\n1,-2\n1,3\n")
    with pytest.raises(ms.InputError, match="-2"):
        check_prices({"prices": str(table)})


def test_missing_files_are_refused_by_name() -> None:
    with pytest.raises(ms.InputError, match=r"no\.txt"):
        check_corpus({"corpus": "no.txt"})
    with pytest.raises(ms.InputError, match=r"no\.csv"):
        check_prices({"prices": "no.csv"})


def test_without_arch_both_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ms.MissingExtraError, match=r'pip install "miscope\[study\]".*--prices FILE'):
        check_prices({})


def test_numbers_are_no_text(tmp_path: Path) -> None:
    np.save(tmp_path / "values.npy", np.linspace(0, 1, 50))
    with pytest.raises(ms.InputError):
        check_corpus({"corpus": str(tmp_path / "values.npy")})


def test_a_text_that_has_changed_is_read_again(tmp_path) -> None:
    """Would catch a text that is kept by its name: the study's settings have the digest of the new one."""
    book = tmp_path / "book.txt"
    book.write_text("ab" * 500)
    assert corpus({"corpus": str(book)}, "character").alphabet == ("a", "b")
    book.write_text("xyz" * 700)
    assert corpus({"corpus": str(book)}, "character").alphabet == ("x", "y", "z")
