"""The cache of compiled kernels: it saves time, and nothing depends on it."""

import errno
import os
import pathlib
import subprocess
import sys

import pytest

import logloss
from logloss.onepass.kernels import compiled

pytestmark = pytest.mark.skipif(not compiled.IS_COMPILED, reason="nothing is compiled here")


def twice(x):
    return x + x


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Makes a kernel as a new process would: its cache is a folder of the test."""
    monkeypatch.setattr(compiled, "CACHE_FOLDER", tmp_path / "kernels")
    return lambda: compiled.compiled(twice)


def n_read(kernel):
    """How many times a kernel was read from the cache when it was called."""
    assert kernel(1.5) == 3.0
    return sum(kernel.stats.cache_hits.values())


def changed(data):
    """The same bytes but for one, in the middle."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("pattern", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:100], changed, lambda data: b"\0" * len(data)])
def test_a_damaged_kernel_is_compiled_again(tmp_path, kernel, pattern, damage):
    """Neither unpickled nor run: an empty file was an EOFError, which the shell took for Ctrl-C."""
    assert [n_read(kernel()), n_read(kernel())] == [0, 1]
    files = list(tmp_path.rglob(pattern))
    assert len(files) == 1
    files[0].write_bytes(damage(files[0].read_bytes()))
    assert [n_read(kernel()), n_read(kernel())] == [0, 1]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_without_room_for_the_cache_kernels_work(kernel, monkeypatch, number):
    def refused(self, filepath):
        raise OSError(number, "refused")

    monkeypatch.setattr(compiled.IndexDataCacheFile, "_open_for_write", refused)
    assert [n_read(kernel()), n_read(kernel())] == [0, 0]


def test_a_user_without_a_home_leaves_no_cache_where_the_program_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOGLOSS_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(compiled.os.path, "expanduser", lambda path: path)
    assert compiled.cache_folder() is None
    assert list(pathlib.Path().iterdir()) == []


@compiled.inlined
def halved(x):
    return x / 2


@compiled.compiled
def quarter(x):
    return halved(halved(x))


def test_a_function_of_one_row_is_called_by_kernels_and_by_python():
    """What kernels call has nothing that Python could call it by."""
    assert (quarter(1.0), halved(1.0), quarter(3.0)) == (0.25, 0.5, 0.75)


def test_what_a_kernel_calls_is_compiled_within_it_alone(tmp_path, monkeypatch):
    """And once for all integers: what is written as a number is no type of its own. Nothing was compiled before."""
    monkeypatch.setattr(compiled, "CACHE_FOLDER", tmp_path)

    @compiled.compiled
    def eighth(x):
        return halved(halved(halved(x)))

    @compiled.compiled
    def sixteenth(x, is_plain):
        return halved(eighth(x)) if is_plain else eighth(0.0 * x) + eighth(1)

    assert (sixteenth(1.0, True), sixteenth(1.0, False)) == (0.0625, 0.125)
    assert (len(sixteenth.overloads), len(eighth.overloads)) == (1, 0)
    assert sorted(map(str, eighth.in_kernels.overloads)) == ["(float64,)", "(int64,)"]
    assert (eighth(1.0), len(eighth.overloads)) == (0.125, 1)


OF_ANOTHER_NUMBA = """
import numba
numba.version_info = numba.version_info._replace(short=(0, 61))
import logloss
import logloss
from logloss.onepass.kernels import compiled
assert not compiled.IS_TESTED
print(repr(logloss.log_loss([0, 1, 1], [0.1, 0.9, 0.6])))
"""


def test_a_numba_that_was_not_tested_compiles_and_caches_as_usual(tmp_path):
    """Where this fails first, look at what compiled.py takes of numba without being told that it may."""
    assert compiled.IS_TESTED
    here = {**os.environ, "LOGLOSS_CACHE_DIR": str(tmp_path)}
    found = [
        subprocess.run([sys.executable, "-c", OF_ANOTHER_NUMBA], env=here, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert {each.stdout.strip() for each in found} == {repr(logloss.log_loss([0, 1, 1], [0.1, 0.9, 0.6]))}
    assert list(tmp_path.rglob("*.nbc"))
