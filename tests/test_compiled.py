"""The cache of compiled kernels: it saves time, and nothing depends on it."""

import errno
import pathlib

import pytest

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
    return sum(kernel.called.stats.cache_hits.values())


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
