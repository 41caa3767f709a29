"""`miscope sample` of models: what is written is what the library draws."""

import json
from pathlib import Path

import numpy as np
import pytest

import miscope as ms

pytestmark = pytest.mark.extras

SMALL = ("--documents", "5", "--length", "30")


def load(name):
    from miscope.models import load

    return load(name)


def test_an_arrow_file_is_the_sample_and_its_provenance(models, miscope):
    outcome = miscope("sample", "text.safetensors", *SMALL, "--seed", "7", "-o", "sample.arrow")
    expected = ms.sample(load("text.safetensors"), 5, 30, 7)
    found = ms.read("sample.arrow")
    assert found == expected
    assert found.provenance == expected.provenance
    assert outcome.stdout == "GRU 4: 5 documents of 30 symbols of 4 kinds, seed 7\nhorizon: none\n"
    assert outcome.stderr == "wrote sample.arrow\n"


def test_options_reach_the_library(models, miscope):
    """Each of them changes this sample: one that were dropped would show."""
    options = {"temperature": 0.5, "top_k": 2, "discard": 3, "batch": 2}
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    assert miscope("sample", "text.safetensors", *SMALL, *words, "-o", "sample.npy").status == 0
    expected = ms.sample(load("text.safetensors"), 5, 30, **options)
    np.testing.assert_array_equal(np.load("sample.npy"), expected.codes.reshape(5, 30))
    for name in options:
        others = {key: value for key, value in options.items() if key != name}
        assert ms.sample(load("text.safetensors"), 5, 30, **others) != expected


def test_a_context_that_slides(models, miscope, refused):
    words = ("sample", "narrow.safetensors", *SMALL, "-o", "sample.npy")
    refused(*words, words=["at most 16 symbols", "--slide 8"])
    assert "horizon: 15 symbols" in miscope(*words, "--slide", "8").stdout
    expected = ms.sample(load("narrow.safetensors"), 5, 30, slide=8)
    np.testing.assert_array_equal(np.load("sample.npy"), expected.codes.reshape(5, 30))


def test_the_usual_length(models, miscope):
    miscope("sample", "narrow.safetensors", "--documents", "2", "-o", "sample.npy")
    assert np.load("sample.npy").shape == (2, 16)


def test_text_has_a_document_a_line(models, miscope):
    outcome = miscope("sample", "text.safetensors", *SMALL, "-o", "sample.txt")
    drawn = ms.sample(load("text.safetensors"), 5, 30)
    assert Path("sample.txt").read_text() == "".join(f"{drawn.decode(d)}\n" for d in range(5))
    assert "--documents line" in outcome.stderr


def test_text_with_line_breaks_is_one_document(folder, miscope, refused):
    Path("lines.txt").write_text("ab\nba\n\n" * 100)
    words = ("--width", "4", "--steps", "3", "--batch", "2", "--length", "8")
    assert miscope("train", "gru", "lines.txt", *words, "-o", "model.safetensors").status == 0
    outcome = miscope("sample", "model.safetensors", "--documents", "1", "--length", "50", "-o", "sample.txt")
    assert Path("sample.txt").read_text() == ms.sample(load("model.safetensors"), 1, 50).decode(0)
    assert "--documents line" not in outcome.stderr
    refused("sample", "model.safetensors", *SMALL, "-o", "more.txt", words=["line breaks", "--documents 1"])


def test_real_numbers_are_an_array_of_floats(models, miscope, refused):
    assert miscope("sample", "linear.safetensors", *SMALL, "-o", "sample.npy").status == 0
    expected = ms.sample(load("linear.safetensors"), 5, 30)
    np.testing.assert_array_equal(np.load("sample.npy"), expected.values.reshape(5, 30))
    refused("sample", "linear.safetensors", *SMALL, "-o", "a.arrow", words=["real numbers", "write .npy"])


def test_json_is_for_machines(models, miscope):
    outcome = miscope("sample", "chain.safetensors", *SMALL, "--json", "--quiet", "-o", "sample.npy")
    about = json.loads(outcome.stdout)
    assert outcome.stderr == ""
    assert (about["file"], about["label"], about["n_documents"], about["length"]) == ("sample.npy", "GRU 4", 5, 30)
    assert about["model"]["config"]["width"] == 4
    assert about["sampling"]["temperature"] == 1


def test_a_sample_can_be_measured(models, miscope):
    miscope("sample", "text.safetensors", *SMALL, "-o", "sample.arrow")
    outcome = miscope("measure", "sample.arrow", "--lags", "1,2")
    assert outcome.status == 0
    assert outcome.stdout.startswith("GRU 4: 150 symbols of 4 kinds in 5 documents")


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        (["renewal", "--temperature", "0.5"], ["--temperature cannot be used with a process, only with a model"]),
        (["renewal", "--top-k", "2", "--device", "cpu"], ["--top-k, --device cannot be used with a process"]),
        (["text.safetensors", "--quantiles", "3"], ["--quantiles is for processes"]),
        (["text.safetensors", "--width", "3"], ["--width is no option for a model that is trained"]),
        (["text.safetensors", "--temperature", "0"], ["temperature must be a number above 0"]),
        (["text.safetensors", "--documents", "0"], ["n_documents must be a whole number of at least 1"]),
        (["text.safetensors", "--device", "gpu"], ["device must be one that torch knows"]),
        (["missing.safetensors"], ["missing.safetensors", "no such file"]),
    ],
)
def test_what_cannot_be_drawn(models, refused, words, errors):
    refused("sample", *words, "-o", "a.npy", words=errors)


def test_the_model_is_not_overwritten(models, refused):
    Path("model.npy").write_bytes(Path("chain.safetensors").read_bytes())
    refused("sample", "./model.npy", "-o", "model.npy", words=["one of the files to be read"])
    refused("sample", "text.safetensors", words=["say where to write", "-o"])


def test_without_torch(models, refused, no_torch):
    refused("sample", "text.safetensors", "-o", "a.npy", words=["needs 'torch'", 'pip install "miscope[models]"'])
