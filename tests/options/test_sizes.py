"""Sizes as texts, the same ones everywhere."""

import pytest
from pydicom.misc import size_in_bytes

from streamdcm.options.sizes import UNITS, binary_size, bytes_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("512", 512),
        ("512 B", 512),
        ("3bytes", 3),
        ("1.5 KiB", 1536),
        ("0.1 kB", 100),
        ("2 TB", 2 * 10**12),
        (" 2 TiB ", 2 * 2**40),
        ("9007199254740993 B", 2**53 + 1),
        ("", None),
        ("KiB", None),
        ("-1 KiB", None),
        ("1 PiB", None),
        ("nan", None),
    ],
)
def test_a_text_is_a_number_of_bytes(text: str, expected: int | None) -> None:
    assert bytes_in(text) == expected


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit not in ("B", "TB", "TiB")])
def test_units_are_those_of_pydicom(unit: str) -> None:
    assert bytes_in(f"7 {unit}") == size_in_bytes(f"7 {unit}") == 7 * UNITS[unit]


def test_the_largest_unit_is_tib() -> None:
    assert binary_size(3 * 2**40) == "3.0 TiB"
    assert binary_size(5000 * 2**40) == "5,000.0 TiB"
