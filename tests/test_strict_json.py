from __future__ import annotations

import tracemalloc

import pytest

from gpu_capacity.strict_json import JsonRefused, KeyRepeated, NotJson, dotted, loads


def test_plain_json_is_parsed() -> None:
    assert loads(b'{"a": [1, 2.5, true, null, "\\u00e9", {"b": {}}]}') == {
        "a": [1, 2.5, True, None, "é", {"b": {}}]
    }
    assert loads('"text"') == "text"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'{"a": 1, "a": 2}', ("a",)),
        (b'{"a": 1, "a": 1}', ("a",)),
        (b'{"a": 1, "\\u0061": 2}', ("a",)),
        (b'{"": 1, "": 2}', ("",)),
        (b'{"spec": {"count": 1, "region": "a", "count": 2}}', ("spec", "count")),
        (b'{"pods": [{"x": 1}, {"hosts": [{"id": 1, "id": 2}]}]}', ("pods", 1, "hosts", 0, "id")),
        (b'[[], [{"a": 1, "b": 2, "b": 3, "a": 4}]]', (1, 0, "b")),
        # The object that repeats "x" is dropped for a later "a".
        (b'{"a": {"x": 1, "x": 2}, "a": 3}', ("a",)),
        # Two of them: the first in the order of the text.
        (b'{"b": {"x": 1, "x": 2}, "a": {"y": 1, "y": 2}}', ("b", "x")),
    ],
)
def test_a_repeated_key_is_refused_with_its_path(text: bytes, place: tuple[str | int, ...]) -> None:
    with pytest.raises(KeyRepeated) as caught:
        loads(text)
    assert caught.value.place == place
    assert dotted(place) in str(caught.value)


def test_the_path_of_a_repeated_key_takes_no_more_memory_than_the_text_allows() -> None:
    """With the path of each of the 30,000 numbers this would take a quarter of a gigabyte."""
    depth = 900
    text = "[" * depth + "1," * 30_000 + '{"a": 1, "a": 2}' + "]" * depth
    tracemalloc.start()
    try:
        with pytest.raises(KeyRepeated) as caught:
            loads(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.place == (*[0] * (depth - 1), 30_000, "a")
    assert peak < 8_000_000


def test_different_objects_may_have_the_same_key() -> None:
    assert loads(b'{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]}') == {"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"   ",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} x',
        b'{"a": 01}',
        b'{"a": 1_0}',
        b'{"a": +1}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": [Infinity]}',
        b'{"a": "\n"}',
        b'{"a": "\\ud800"}',
        b'{"\\uDC00": 1}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-32"),
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda text: repr(text[:24]),
)
def test_a_text_that_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(NotJson):
        loads(text)


def test_pairs_of_surrogates_are_characters() -> None:
    assert loads(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_refusals_do_not_echo_values() -> None:
    for text in (b'{"a": "hunter2", "a": "hunter2"}', b'{"a": hunter2}', b'{"a": "hunter2", "b": NaN}'):
        with pytest.raises(JsonRefused) as caught:
            loads(text)
        assert "hunter2" not in str(caught.value)
