"""Numbers in JSON are checked by their text, not by their value as a double."""

from __future__ import annotations

import json

import pytest

from gpu_capacity.http.call import BODY_BYTES_MAX
from gpu_capacity.http.whole_numbers import plainly_written


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("2.0", "2"),
        ("-2.000", "-2"),
        ("2e0", "2"),
        ("2E+1", "20"),
        ("20e-1", "2"),
        ("0.02e2", "2"),
        ("-0.0", "0"),
        ("9007199254740993.0", "9007199254740993"),
        (f"2.{'0' * 5_000}", "2"),
        ('{"a": [1.0, {"b": 3.0}], "c": 4.0}', '{"a": [1, {"b": 3}], "c": 4}'),
    ],
)
def test_a_whole_number_is_written_with_digits_only(written: str, plain: str) -> None:
    assert plainly_written(written.encode()) == plain.encode()


@pytest.mark.parametrize(
    "written",
    [
        "2",
        "-0",
        "1.5",
        "25e-1",
        "1e-999",
        f"0.{'9' * 5_000}",
        f"1.{'0' * 40}1",
        "1e18",
        "1e400",
        "1e99999999999999999999",
        "9" * 400,
        "NaN",
        "-Infinity",
        "true",
        '"2.0"',
        '{"2.0": "3.0"}',
        r'"\" 2.0"',
        r'["\\", "4.0 \\\" 5.0"]',
        '"2.0 \u00e9\u2028 3.0"',
    ],
)
def test_other_values_stay_unchanged(written: str) -> None:
    assert plainly_written(written.encode()) == written.encode()


def test_only_numbers_change() -> None:
    value = {"2.0": ["1e2", 'quoted " 3.0', "back \\", 7.0, 7.5, None, True], "é": -4.0}
    assert json.loads(plainly_written(json.dumps(value).encode())) == value


@pytest.mark.parametrize("number", ["1" * 60_000, f"0.{'1' * 60_000}", f"1.{'0' * 60_000}"])
@pytest.mark.parametrize("exponent", ["e9999", "E+9999", "e-9999"])
def test_parsing_any_number_is_fast(number: str, exponent: str) -> None:
    """Its digits are read once, also where the exponent leaves it unchanged."""
    text = f'{{"a": {number}{exponent}}}'.encode()
    assert plainly_written(text) == text


@pytest.mark.parametrize("part", ['\\"', '"a', "1.", "1e", "1.0,", '"\\\\'])
def test_parsing_any_text_is_fast(part: str) -> None:
    """One that took quadratic time would run into the timeout of the test."""
    text = part * (BODY_BYTES_MAX // len(part))
    assert len(plainly_written(text.encode())) <= BODY_BYTES_MAX
