"""Errors are of bounded length, whatever they name."""

import pytest

from miscope.errors import FormatError, InputError, MiscopeError, MissingExtraError


@pytest.mark.parametrize("kind", [MiscopeError, InputError, FormatError, MissingExtraError])
def test_what_is_named_does_not_hide_what_is_said(kind):
    text = str(kind(f"the file {'x' * 80_000} cannot be read: name another one"))
    assert len(text) < 2100
    assert text.startswith("the file xxx")
    assert text.endswith("name another one")
    assert "left out" in text


def test_other_errors_stay_as_they_are():
    text = "x" * 2000
    assert str(InputError(text)) == text
    assert InputError("a", 5).args == ("a", 5)
