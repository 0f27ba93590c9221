"""The canonical value of keys, classes and operands of comparisons: the exact value, whatever its type.

A whole number is an int: of int8 7, uint64 7, 7.0 and Decimal("7.00") each is 7, and 2^53 and 2^53 + 1 are two. A
number with a fraction is the float that prints as it does (0.1 and Decimal("0.10") are one value), or, where no float
does, a Decimal. float32 is widened: 0.1 in it is 0.10000000149011612, another value than 0.1. −0.0 is 0; NaN is
missing, None; infinity is a value. True is neither 1 nor "1", and text is text: "7" is no number.

>>> from decimal import Decimal
>>> [typed(value) for value in (7.0, Decimal("7.00"), Decimal("0.10"), -0.0, True, "7", float("nan"))]
[7, 7, 0.1, 0, True, '7', None]
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from decimal import Context, Decimal, DecimalException
from typing import Annotated, Any

import numpy as np

Value = None | bool | int | float | Decimal | str
Number = int | float | Decimal
Array = np.ndarray[Any, np.dtype[Any]]
# One that has rows and columns, also in a file.
Matrix = Annotated[Array, "rows and columns"]
# Of which there may be millions: in a file one text holds them all.
Packed = Annotated[Array, "float64, compressed"]
PackedTexts = Annotated[tuple[str, ...], "compressed"]
# Every whole number of fewer bits is an int; decimals have at most 253. Beyond, floats stay as short as they print.
BITS_OF_WHOLE = 256
# No float lies beyond 10^309.
MOST_EXPONENT = 309
EXACT_FLOATS = 1 << 53
# Whole numbers of more bits are text in JSON; no number that a table holds has more digits (decimal256: 76, as text a
# float's 5e-324 has 6).
BITS_OF_JSON, MOST_DIGITS = 63, 400
# Exact: digits of a decimal are never rounded.
DIGITS = Context(prec=1 << 20)
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def typed(value: object) -> Value:
    """The canonical value of any cell of a table."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return _whole(int(value))
    if isinstance(value, float | np.floating):
        return _of_float(float(value))
    if isinstance(value, Decimal):
        return _of_decimal(value)
    return None if value is None else str(value)


def _whole(number: int) -> Number:
    if number.bit_length() <= BITS_OF_WHOLE:
        return number
    try:
        return float(number) if float(number) == number else number
    except OverflowError:
        return number


def _of_float(number: float) -> Number | None:
    if number.is_integer() and abs(number) < 2.0**BITS_OF_WHOLE:
        return int(number)
    return None if math.isnan(number) else number


def _of_decimal(number: Decimal) -> Number | None:
    if number.is_nan():
        return None
    if number.is_infinite():
        return float(number)
    # The number of digits bounds the cost of writing it out.
    if number.adjusted() <= MOST_EXPONENT and number == number.to_integral_value():
        return _whole(int(number))
    nearest = float(number)
    return nearest if Decimal(repr(nearest)) == number else number.normalize(DIGITS)


def number_in(text: str) -> Number | None:
    """The exact number that a text writes; None if it is no number. Underscores, which Python accepts, are refused."""
    try:
        number = Decimal("nan" if "_" in text else text.strip())
    except DecimalException:
        return None
    exponent = number.as_tuple().exponent
    # 1.2345678901234567e+17 is how a float prints that is not that round.
    if isinstance(exponent, int) and exponent > 0 and Decimal(repr(float(number))) == number:
        return _of_float(float(number))
    return _of_decimal(number)


# What is required of whole numbers that are used as numbers, and what to do with others.
EXACT = "must hold whole numbers that a float holds exactly (each up to 2^53)"
IF_INEXACT = "Subtract a constant, or divide by one; name an identifier as a category, or leave it out."


def rounded_as_floats(values: Array) -> Array | None:
    """Which whole numbers become others as floats; None if none does."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8 or not len(values):
        return None
    if values.min() >= -EXACT_FLOATS and values.max() <= EXACT_FLOATS:
        return None
    # Beyond 2^53 a whole number is a float if its lowest bits, those beyond the 53 highest, are 0.
    rounded = np.array([int(float(value)) != value for value in values.tolist()])
    return rounded if rounded.any() else None


def is_beyond_floats(value: object) -> bool:
    """Whether a number, or text that writes one, is finite or not 0, and infinite or 0 as a float."""
    if isinstance(value, bool):
        return False
    try:
        number = Decimal(value if isinstance(value, int) else str(value).strip())
    except DecimalException:
        return False
    nearest = float(number)
    return number.is_finite() and (math.isinf(nearest) or (nearest == 0 and number != 0))


def is_number(value: object) -> bool:
    """Whether it is a number or bool, neither text nor missing."""
    return isinstance(value, bool | int | float | Decimal | np.number | np.bool_)


def as_number(value: object) -> Number | None:
    """The exact number of a number, of a bool (1, 0), or of text that writes one; None of anything else."""
    canonical = typed(value)
    if isinstance(canonical, str):
        word = canonical.strip().lower()
        return int(word == "true") if word in ("true", "false") else number_in(canonical)
    return int(canonical) if isinstance(canonical, bool) else canonical


def is_label(value: object, label: object) -> bool:
    """Whether a value of the table equals a class label, as a number or as text."""
    if typed(value) == typed(label) or str(value) == str(label):
        return True
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return False
    number = as_number(value)
    return number is not None and number == as_number(label)


def compared(values: Array, name: str, operand: Number) -> Array:
    """Where a comparison of numbers or bools holds, exactly: no value is rounded to the type of the other."""
    compare = COMPARE[name]
    nothing = np.zeros(len(values), dtype=bool)
    if values.dtype.kind in "iub":
        values = values.view(np.uint8) if values.dtype == np.bool_ else values
        if isinstance(operand, int):
            holds: Array = compare(values, operand)
            return holds
        if isinstance(operand, float) and math.isinf(operand):
            return nothing | compare(0.0, operand)
        if name in ("==", "!="):
            return nothing | (name == "!=")
        # A whole number is above a fraction if it is above its floor.
        floor = math.floor(operand)
        above: Array = values > floor
        return above if name in (">", ">=") else ~above
    values = values.astype(np.float64, copy=False)
    try:
        nearest = float(operand)
    except OverflowError:
        nearest = math.inf if operand > 0 else -math.inf
    if nearest == operand:
        return nothing | compare(values, nearest)
    if name in ("==", "!="):
        return nothing | (name == "!=")
    # No float lies between the operand and the float that is nearest to it.
    above = values >= nearest if nearest > operand else values > nearest
    return above if name in (">", ">=") else values <= nearest if nearest < operand else values < nearest


def written_value(value: Value) -> Any:
    """A canonical value in JSON; numbers that JSON, or some readers of it, cannot hold are {"number": text}."""
    is_long = isinstance(value, int) and value.bit_length() > BITS_OF_JSON
    is_odd = isinstance(value, Decimal) or (isinstance(value, float) and math.isinf(value))
    return {"number": str(value)} if is_odd or is_long else value


def is_written_value(value: object) -> bool:
    """Whether `written_value` may have written it."""
    if isinstance(value, dict):
        return set(value) == {"number"} and isinstance(value["number"], str) and len(value["number"]) <= MOST_DIGITS
    return isinstance(value, str | bool | int | float | None)


def read_value(value: object) -> Value:
    """The value that `written_value` has written."""
    if not isinstance(value, dict):
        return typed(value)
    number = number_in(value["number"])
    if number is None:
        raise ValueError(f"{value} is no number")
    return number
