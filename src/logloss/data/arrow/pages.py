"""What the pages of a Parquet file will take once they are unpacked, read from their headers before one is opened.

A footer may claim anything, and a few bytes may stand for billions of values: pages are compressed, and repeated values
are written once. The header of each page holds how large it becomes and how many values it holds, and readers make
room for that; so does this sum. Headers are Thrift structures in the compact protocol. Encodings in which a value may
be longer than what is written of it are refused.

>>> import io, pyarrow as pa, pyarrow.parquet as pq
>>> stream = io.BytesIO()
>>> pq.write_table(pa.table({"x": [0] * 1000}), stream)
>>> unpacked(stream.getvalue())[1]
1001
"""

from __future__ import annotations

from typing import Any

# Kinds of values in the compact protocol.
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
# Fields of a header: the sizes, and the structures that count values in their first field, with the field in which
# each has its encoding: of values, of a dictionary, of values in the second version.
UNCOMPRESSED, COMPRESSED = 2, 3
COUNTING = {5: 2, 7: 2, 8: 4}
# Plain, two names of dictionaries, runs.
ENCODINGS = (0, 2, 8, 3)
# Structures and lists in each other: footers have ten.
DEEPEST = 16
# Fields of a footer, of a row group, of a column, of its statistics.
GROUPS_OF_FILE, COLUMNS_OF_GROUP, ABOUT_COLUMN = 4, 1, 3
PACKED_SIZE, DATA_PAGES, DICTIONARY_PAGE = 7, 9, 11


def unpacked(data: bytes) -> tuple[int, int]:
    """(Bytes, values) of all pages of a file; ValueError where a header is none.

    Its footer is read here, too: pyarrow ends the process on a damaged column.
    """
    length = int.from_bytes(data[-8:-4], "little")
    if data[-4:] != b"PAR1" or length > len(data) - 8:
        raise ValueError("the file has no footer")
    footer, _ = _struct(data, len(data) - 8 - length)
    n_bytes = n_values = 0
    for group in _structs(footer, GROUPS_OF_FILE):
        for column in _structs(group, COLUMNS_OF_GROUP):
            about = column.get(ABOUT_COLUMN)
            if not isinstance(about, dict):
                raise ValueError("a column is not described")
            start, size, dictionary = (about.get(field, 0) for field in (DATA_PAGES, PACKED_SIZE, DICTIONARY_PAGE))
            if not all(isinstance(each, int) for each in (start, size, dictionary)):
                raise ValueError("a column has no place")
            start = dictionary if 0 < dictionary < start else start
            if start < 0 or size < 0 or start + size > len(data):
                raise ValueError("a column lies beyond the end of the file")
            for own_bytes, own_values in _pages(data[start : start + size]):
                n_bytes += own_bytes
                n_values += own_values
    return n_bytes, n_values


def _structs(of: dict[int, Any], field: int) -> list[dict[int, Any]]:
    structs = of.get(field)
    if not isinstance(structs, list) or not all(isinstance(each, dict) for each in structs):
        raise ValueError("the footer lists no row groups or columns")
    return structs


def _pages(chunk: bytes) -> Any:
    """(Bytes, values) of each page of a column."""
    place = 0
    while place < len(chunk):
        fields, place = _struct(chunk, place)
        size, packed = fields.get(UNCOMPRESSED), fields.get(COMPRESSED)
        if not isinstance(size, int) or not isinstance(packed, int) or size < 0 or packed < 0:
            raise ValueError("a page has no size")
        counted = [(fields[number], place_of) for number, place_of in COUNTING.items() if number in fields]
        if not all(isinstance(own, dict) and own.get(place_of) in ENCODINGS for own, place_of in counted):
            raise ValueError("a page has an encoding that is not known here")
        counts = [own.get(1, 0) for own, _ in counted]
        if any(not isinstance(count, int) or count < 0 for count in counts):
            raise ValueError("a page has no number of values")
        yield size, sum(counts)
        place += packed


def _struct(data: bytes, place: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """(The fields of a structure by number, the place after it)."""
    if depth > DEEPEST:
        raise ValueError("a header is nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while True:
        head, place = _byte(data, place)
        if head == 0:
            return fields, place
        kind, step = head & 15, head >> 4
        if step:
            number += step
        else:
            number, place = _whole(data, place)
        fields[number], place = _value(data, place, kind, depth)


def _value(data: bytes, place: int, kind: int, depth: int) -> tuple[Any, int]:
    """(A value, the place after it); of text only that it is there."""
    if kind in (TRUE, FALSE):
        return kind == TRUE, place
    if kind == BYTE:
        return _byte(data, place)
    if kind in (I16, I32, I64):
        return _whole(data, place)
    if kind == DOUBLE:
        return None, place + 8
    if kind == BINARY:
        size, place = _natural(data, place)
        return None, place + size
    if kind in (LIST, SET):
        head, place = _byte(data, place)
        size = head >> 4
        if size == 15:
            size, place = _natural(data, place)
        items = []
        for _ in range(size):
            # A bool of a list is a byte.
            value, place = _value(data, place, BYTE if head & 15 in (TRUE, FALSE) else head & 15, depth + 1)
            items.append(value)
        return items, place
    if kind == STRUCT:
        return _struct(data, place, depth + 1)
    raise ValueError("a header holds what no page header has")


def _byte(data: bytes, place: int) -> tuple[int, int]:
    if place >= len(data):
        raise ValueError("a header ends too early")
    return data[place], place + 1


def _natural(data: bytes, place: int) -> tuple[int, int]:
    """A whole number in groups of 7 bits, and the place after it."""
    number = 0
    for shift in range(0, 70, 7):
        byte, place = _byte(data, place)
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise ValueError("a number of a header has no end")


def _whole(data: bytes, place: int) -> tuple[int, int]:
    """A whole number whose sign is its last bit, and the place after it."""
    natural, place = _natural(data, place)
    return (natural >> 1) ^ -(natural & 1), place
