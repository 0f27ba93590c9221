"""Lines of text files: on which line each row starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

# Read and parsed at once, and the longest row that can be read: 4 MB.
CHUNK_BYTES = 1 << 22


class ByteStream(Protocol):
    """What bytes are read from: a file, standard input, a stream of Arrow."""

    def read(self, size: int = -1, /) -> bytes: ...
    def readline(self, size: int = -1, /) -> bytes: ...


def lines_of(stream: ByteStream, rows: Iterable[int], n_header_lines: int, delimiter: bytes) -> dict[int, int]:
    """The line, from 1, on which each of some rows starts; without those that are not there.

    Where lines end in CR alone they are not counted.
    """
    wanted, found = sorted(set(rows), reverse=True), dict[int, int]()
    line, row, is_open = 0, 0, False
    for chunk in _chunks(stream):
        if not wanted or chunk.count(b"\r") != chunk.count(b"\r\n"):
            return found
        lines = chunk.split(b"\n")
        n_lines = len(lines) - (not lines[-1])
        if line >= n_header_lines and not is_open and row + n_lines <= wanted[-1] and _is_plain(chunk):
            line, row = line + n_lines, row + n_lines
            continue
        for text in lines[:n_lines]:
            line += 1
            if line <= n_header_lines or (not is_open and text in (b"", b"\r")):
                continue
            if not is_open:
                if row == wanted[-1]:
                    found[wanted.pop()] = line
                    if not wanted:
                        return found
                row += 1
            is_open = _ends_in_quotes(text, delimiter, is_open=is_open)
    return found


def _chunks(stream: ByteStream) -> Iterator[bytes]:
    """The bytes of a file in runs of whole lines, without a byte order mark."""
    rest = b""
    is_first = True
    while data := stream.read(CHUNK_BYTES):
        data = rest + bytes(data)
        if is_first:
            data, is_first = data.removeprefix(b"\xef\xbb\xbf"), False
        end = data.rfind(b"\n") + 1
        rest = data[end:]
        if end:
            yield data[:end]
    if rest:
        yield rest


def _is_plain(chunk: bytes) -> bool:
    """Whether each line of a chunk is a row."""
    starts_blank = chunk.startswith((b"\n", b"\r\n"))
    return not starts_blank and b'"' not in chunk and b"\n\n" not in chunk and b"\n\r\n" not in chunk


def _ends_in_quotes(line: bytes, delimiter: bytes, *, is_open: bool) -> bool:
    """Whether the end of a line is inside quotes: they open only at the start of a field, and two of them are one."""
    at = 0
    while True:
        if is_open:
            at = line.find(b'"', at)
            if at < 0:
                return True
            if line[at + 1 : at + 2] == b'"':
                at += 2
                continue
            is_open = False
        elif line[at : at + 1] == b'"':
            at, is_open = at + 1, True
            continue
        at = line.find(delimiter + b'"', at)
        if at < 0:
            return False
        at, is_open = at + 2, True
