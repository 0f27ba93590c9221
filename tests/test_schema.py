"""Fields of dataclasses as JSON and back: to the bit, and refused with the file, the place and the value."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest

from logloss import DataError, Estimate, SmallTable
from logloss.data.rows import Array
from logloss.data.values import Value
from logloss.files.schema import Reader, Rule, Whole, as_json


@dataclass(frozen=True)
class Square:
    side: float


@dataclass(frozen=True)
class Circle:
    radius: float


@dataclass(frozen=True)
class Everything:
    count: int
    offset: Whole
    share: float
    name: str
    is_whole: bool
    key: Value
    both: tuple[int, str]
    losses: tuple[float, ...]
    by_name: dict[str, float]
    best: Square | Circle
    other: Square | None
    only: tuple[tuple[Value, ...], ...] | None
    gain: Estimate
    tried: SmallTable


WHOLE = Everything(
    3,
    Whole(-32),
    math.inf,
    "a",
    True,
    Decimal("0.12345678901234567890"),
    (1, "x"),
    (0.1, -math.inf, 5e-324),
    {"x": -0.0},
    Circle(2.0),
    None,
    ((1, "a"), (None,)),
    Estimate(0.5, 0.25, 1.0, "few rows"),
    SmallTable({"method": ["inf"], "expected_reduction_nats": [math.inf]}),
)
RULES = {Circle: (Rule("radius", lambda c: c.radius > 0, "a number above 0"),)}


def changed(**fields):
    return json.loads(json.dumps(as_json(WHOLE, Everything) | fields, allow_nan=False))


def test_every_kind_of_field_is_read_as_it_was_written():
    found = Reader("a.json", RULES).of(changed(), Everything)
    assert found == WHOLE
    assert (found.gain.low, found.gain.reason) == (0.25, "few rows")
    assert as_json(found, Everything) == as_json(WHOLE, Everything)
    assert math.isnan(Reader("a.json").value(as_json(math.nan, float), float, "x"))


def test_an_array_is_read_to_the_bit():
    values = np.array([0.1, -0.0, 1e300])
    found = Reader("a.json").value(as_json(values, Array), Array, "values")
    assert found.tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"count": -1}, "a whole number of at least 0 in count; got -1"),
        ({"count": True}, "a whole number of at least 0 in count; got True"),
        ({"offset": 1.0}, "a whole number in offset"),
        ({"share": "nan"}, 'a number in share; got "nan"'),
        ({"name": None}, "a text in name"),
        ({"is_whole": 1}, "true or false in is_whole"),
        ({"key": 1.0}, "a value of a table in key"),
        ({"both": [1]}, "a list of 2 in both"),
        ({"both": [1, 2]}, "a text in both: 2; got 2"),
        ({"losses": [0.1, "x"]}, "a list of numbers in losses"),
        ({"by_name": {"x": []}}, "a number in by_name: x"),
        ({"best": {"class": "line", "radius": 1.0}}, "square or circle in best: class"),
        ({"best": {"class": "circle", "radius": 0.0}}, "a number above 0 in best: radius; got 0"),
        ({"other": 3}, "an object in other"),
        ({"gain": {"value": 0.5, "low": 0.6, "high": 1.0, "reason": ""}}, "an interval around its value in gain"),
        (
            {"tried": {"method": ["a"], "expected_reduction_nats": ["a"]}},
            "a list of numbers in tried: expected_reduction_nats",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(fields, message):
    with pytest.raises(DataError, match=rf"^a\.json must have {message}"):
        Reader("a.json", RULES).of(changed(**fields), Everything)


def test_a_field_too_many_or_too_few_is_named():
    with pytest.raises(DataError, match=r'a\.json holds "more" in best, unknown to this version'):
        Reader("a.json").of(changed(best={"class": "circle", "radius": 1.0, "more": 1}), Everything)
    fields = changed()
    del fields["name"]
    with pytest.raises(DataError, match=r'a\.json is damaged: the file has no "name"'):
        Reader("a.json").of(fields, Everything)
