"""The corpus that is always there."""

import ast
import subprocess
import sys

import pytest

from miscope.errors import InputError
from miscope.sequences import builtin, builtin_corpus


def test_documentation_in_the_order_of_the_source():
    source = b'''"""Top

more"""
class A:
    """Class."""
    def f(self):
        """  Method.
        """
async def g():
    "no"
'''
    assert builtin._documentation(source) == "Top\n\nmore\n\nClass.\n\nMethod.\n\nno"
    assert builtin._documentation(b'"""bad syntax""" (') == ""
    assert builtin._documentation(b'"""a\\ud800"""') == "a?"
    assert builtin._documentation(b"'''\\d''' # an escape that is none") == "\\d"


@pytest.fixture(scope="module")
def seen():
    return []


@pytest.fixture(scope="module")
def corpus(seen):
    return builtin_corpus(progress=lambda done, total: seen.append((done, total)))


def test_what_is_in_it(corpus, seen):
    assert corpus.n_symbols > 500_000
    assert corpus.lengths.min() >= builtin.MIN_CHARACTERS
    assert corpus.provenance["modules"] == len(corpus) > 100
    assert seen[-1][0] == seen[-1][1] == len(seen)
    documented = {corpus.decode(document).partition("\n")[0] for document in range(len(corpus))}
    assert ast.__doc__.strip().partition("\n")[0] in documented
    words = builtin_corpus("word", fold_case=True)
    assert words.alphabet[0] in (".", ",", "the")
    assert len(words) == len(corpus)


def test_bytes_are_those_of_utf8(corpus):
    raw = builtin_corpus("byte")
    assert raw[0].tobytes() == corpus.decode(0).encode()
    assert raw.alphabet_size == 256
    assert raw.provenance["sha256"] == corpus.provenance["sha256"]


def test_the_same_in_another_process_and_locale(corpus):
    code = "import miscope.sequences as s; print(s.builtin_corpus('byte').provenance['sha256'])"
    environment = {"LC_ALL": "C", "PYTHONHASHSEED": "7", "PYTHONUTF8": "0"}
    there = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == corpus.provenance["sha256"]


def test_refusals(monkeypatch, tmp_path):
    with pytest.raises(InputError, match="did you mean 'word'"):
        builtin_corpus("words")
    with pytest.raises(InputError, match="no case to fold"):
        builtin_corpus("byte", fold_case=True)
    monkeypatch.setattr(builtin.sysconfig, "get_paths", lambda: {"stdlib": str(tmp_path)})
    with pytest.raises(InputError, match="no sources of the standard library"):
        builtin_corpus()


def test_importing_is_quick_because_much_is_late():
    code = (
        "import sys; import miscope.sequences; "
        "print([m for m in ('pyarrow', 'pandas', 'scipy', 'numba', 'matplotlib') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
