"""Kernels that read from addresses read nothing but the numbers: each array ends, or begins, where memory is closed.

A process that reads a byte beyond is ended by the system: the tests run in one of their own.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys

import numpy as np
import pytest
from test_dense_rows import TILE_ROWS, folded, plain_table, ranges_of

from logloss.data.coded import readable
from logloss.onepass.kernels import dense_rows

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pages are closed by mprotect")

SEED = 7
CLOSED = 0
# Below and above a block of columns, a vector of rows, and a tile.
WIDTHS, LENGTHS = (1, 3, 4, 5, 8, 9), (1, 3, 4, 5, 16, 17, TILE_ROWS - 1, TILE_ROWS, TILE_ROWS + 1)


def guarded(values, *, at_end=True):
    """The same numbers in pages between two closed ones, up to the end of the last or from the start of the first."""
    length = -(-max(values.nbytes, 1) // mmap.PAGESIZE) * mmap.PAGESIZE
    room = mmap.mmap(-1, length + 2 * mmap.PAGESIZE)
    first = ctypes.addressof(ctypes.c_char.from_buffer(room))
    for page in (first, first + mmap.PAGESIZE + length):
        assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), CLOSED) == 0
    start = mmap.PAGESIZE + (length - values.nbytes if at_end else 0)
    held = np.frombuffer(room, values.dtype, values.size, start).reshape(values.shape)
    held[...] = values
    return held


def views(rows, *, at_end):
    """The same rows as a table may hold them, no two of them alike in steps."""
    n_rows, width = rows.shape
    far = np.zeros((2 * n_rows - 1, width), rows.dtype)
    far[::2] = rows
    wide = np.zeros((n_rows, 2 * width - 1), rows.dtype)
    wide[:, ::2] = rows
    more = np.zeros((n_rows, width + 1), rows.dtype)
    more[:, 1:] = rows
    yield guarded(rows, at_end=at_end)
    yield guarded(np.ascontiguousarray(rows.T), at_end=at_end).T
    yield guarded(far, at_end=at_end)[::2]
    yield guarded(wide, at_end=at_end)[:, ::2]
    yield guarded(more, at_end=at_end)[:, 1:]
    yield guarded(more[:, ::-1].copy(), at_end=at_end)[:, -2::-1]
    yield guarded(rows[::-1].copy(), at_end=at_end)[::-1]
    yield guarded(rows.astype(">f8"), at_end=at_end).astype(rows.dtype)


def gathered(rows, start, stop, *, is_guarded):
    width, n_rows = rows.shape[1], stop - start
    out = np.zeros(width * n_rows)
    out = guarded(out) if is_guarded else out
    dense_rows.gather(plain_table([rows], width), start, n_rows, out, n_rows)
    return out.tobytes()


def sums_of(rows, y, **options):
    sums, hessian, of_rows, limbs, largest = folded(rows, np.linspace(-1.0, 1.0, 1 + rows.shape[1]), y, **options)
    return [each.tobytes() for each in (sums, np.triu(hessian), of_rows, limbs, largest)]


def check_layouts():
    """Every layout gives the bits of plain rows."""
    rng = np.random.default_rng(SEED)
    for dtype in (np.float64, np.float32):
        for width in WIDTHS:
            for n_rows in LENGTHS:
                rows = rng.normal(size=(n_rows, width)).astype(dtype)
                y, weights = np.arange(n_rows, dtype=np.uint8) % 2, rng.gamma(1.0, 1.0, n_rows)
                start = n_rows // 3
                expected = (
                    gathered(rows, start, n_rows, is_guarded=False),
                    sums_of(rows, y),
                    sums_of(rows, y, is_single=True),
                    ranges_of(rows, weights),
                )
                for at_end in (True, False):
                    labels, w = guarded(y, at_end=at_end), guarded(weights, at_end=at_end)
                    for view in views(rows, at_end=at_end):
                        own = readable(view)
                        assert own.flags.aligned
                        found = (
                            gathered(own, start, n_rows, is_guarded=True),
                            sums_of(own, labels),
                            sums_of(own, labels, is_single=True),
                            ranges_of(own, w),
                        )
                        assert found == expected


def check_edges():
    """One row many times over, arrays of both precisions side by side, and arrays without rows or columns."""
    rng = np.random.default_rng(SEED)
    row = rng.normal(size=7)
    same = np.broadcast_to(guarded(row), (TILE_ROWS + 3, 7))
    assert gathered(readable(same), 1, TILE_ROWS + 3, is_guarded=True) == np.repeat(row, TILE_ROWS + 2).tobytes()
    rows = rng.normal(size=(TILE_ROWS + 5, 9)).astype(np.float32)
    parts = [guarded(rows[:, :4]), guarded(rows[:, 4].astype(np.float64)), guarded(rows[:, 5:5]), guarded(rows[:, 5:])]
    out = guarded(np.zeros(rows.size))
    dense_rows.gather(plain_table([readable(part) for part in parts], 9), 0, len(rows), out, len(rows))
    assert out.tobytes() == rows.T.astype(np.float64).tobytes()
    for shape in ((0, 5), (0, 0), (3, 0)):
        empty = guarded(np.zeros(shape))
        sums, hessian, *_ = folded(empty, np.ones(1 + shape[1]), np.zeros(shape[0], np.uint8))
        assert hessian.shape == (shape[1], shape[1])
        assert (sums[1, 0] > 0) == (shape[0] > 0)
        assert ranges_of(empty, np.ones(shape[0]))[0] == [np.inf] * shape[1]


def check_guard():
    """What lies beyond is closed, or nothing here would be a test."""
    rows = guarded(np.zeros((4, 4)))
    dense_rows.gather(plain_table([rows], 4), 1, 4, np.zeros(16), 4)


@pytest.mark.parametrize("check", [check_layouts, check_edges, check_guard])
def test_nothing_is_read_beyond_the_numbers(check):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    command = [sys.executable, "-c", f"import test_guarded_pages as here; here.{check.__name__}()"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    if check is check_guard:
        assert run.returncode < 0, "the closed page was read"
    else:
        assert run.returncode == 0, run.stderr[-2000:]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_array_out_of_step_is_copied(dtype):
    """`numpy.ascontiguousarray` returns it as it is, and a vector load of what is not aligned is undefined."""
    held = np.zeros(5 * np.dtype(dtype).itemsize + 1, np.uint8)[1:].view(dtype)
    held[:] = np.arange(5)
    for values in (held, held.reshape(1, 5), held[::-1]):
        assert not values.flags.aligned
        assert readable(values).flags.aligned
        assert readable(values).tolist() == values.tolist()
