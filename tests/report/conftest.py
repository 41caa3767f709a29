"""Small results of every kind, made once; and a page of them."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import miscope as ms
from miscope.report import report

EVIL = "</script><img src=x onerror=\"document.title='owned'\"><b>&amp;'"


class Reader(HTMLParser):
    """A page as tags with their attributes, and the text in those that are asked for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.inside: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.inside.pop()

    def handle_data(self, data):
        (self.scripts if self.inside else self.texts).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def embedded(path: Path) -> dict:
    """The data that a page carries."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="embedded">(.*?)</script>', text, flags=re.DOTALL)
    return json.loads(found[1])


@pytest.fixture(scope="session")
def chain():
    """A curve that falls exponentially, as is known."""
    process = ms.processes.IsingChain(coupling=1.5)
    return ms.measure(process.sample(n_documents=64, length=1024, seed=1), lags="1:100", label="a chain")


@pytest.fixture(scope="session")
def fit(chain):
    return ms.fit(chain)


@pytest.fixture(scope="session")
def other():
    """A curve of the same kind of symbols, and one of words."""
    process = ms.processes.IsingChain(coupling=1.0)
    return ms.measure(process.sample(n_documents=32, length=512, seed=2), lags=[1, 2, 4, 8, 16], label="another chain")


@pytest.fixture(scope="session")
def words():
    text = ms.read_text(Path(__file__), unit="word")
    return ms.measure(text, lags=[1, 2, 4, 8], blocks=8, label="words")


@pytest.fixture(scope="session")
def uniformity():
    chains = [ms.processes.IsingChain(coupling=c).sample(24, 200, seed=k) for k, c in enumerate([1.5, 1.5, 0.7])]
    return ms.uniformity(chains, lags=[1, 2, 4], names=["train", "valid", "test"], n_permutations=99)


@pytest.fixture(scope="session")
def drift():
    moving = [ms.processes.IsingChain(0.3 + 0.1 * k).sample(4, 250, seed=k) for k in range(8)]
    return ms.drift(ms.Sequences.concatenate(moving), lags=[1, 2, 4], windows=8)


@pytest.fixture(scope="session")
def pairs():
    return ms.contributions([["a", EVIL, "\n", "a", EVIL, "b"] * 60], 1, top=6, blocks=8)


@pytest.fixture(scope="session")
def probed():
    """What is found of models."""
    from miscope.models import LSTM, LinearGaussianRNN

    truth, chain = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4), ms.processes.IsingChain(coupling=0.7)
    seen = ms.measure(chain.sample(64, 1024, seed=1), lags="1:64", label="a forgetful model")
    model = LinearGaussianRNN.of(ms.processes.LinearRNN(recurrent=0.5, feedback=0.4, readout=1.0))
    couplings = ms.couplings(LSTM(alphabet_size=2, width=4), truth, lags=[1, 2, 4], n_contexts=32)
    return ms.reach(truth, seen), ms.spectrum(model, n_documents=16, length=256), couplings


@pytest.fixture(scope="session")
def evil(other):
    """A curve whose every text would be markup, if it could."""
    about = {"source": {"reader": "read_text", "unit": EVIL, "sources": [{"name": EVIL, "bytes": 3, "sha256": EVIL}]}}
    about |= {"versions": {"miscope": EVIL}, "seed": EVIL}
    return dataclasses.replace(other, label=EVIL, provenance=about, warnings=(EVIL,))


@pytest.fixture(scope="session")
def everything(tmp_path_factory, chain, fit, other, words, uniformity, drift, pairs, probed, evil) -> Path:
    """A page of all of them."""
    results = [chain, fit, other, words, uniformity, drift, pairs, *probed, evil]
    return report(results, tmp_path_factory.mktemp("page") / "everything.html", fit=False)


def as_numbers(values) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
