"""Phone numbers are kept in one form, and what is none is refused with a reason."""

import pytest

from headless.audience.phones import normalised


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("+49 (151) 123 456 78", "+4915112345678"),
        ("0044 20 7946 0018", "+442079460018"),
        ("+1-212-555-0123", "+12125550123"),
    ],
)
def test_a_number_is_kept_in_one_form(given: str, kept: str) -> None:
    assert normalised(given) == kept


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0151 1234", "begins with its country"),
        ("+49", "phone number"),
        ("+49 151 1234567890123456", "no phone number"),
    ],
)
def test_what_is_no_number_is_refused(given: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        normalised(given)
