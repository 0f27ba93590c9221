"""Bytes on disk: written whole or not at all, read with a limit, and told apart by their first bytes.

>>> import os, tempfile
>>> path = os.path.join(tempfile.mkdtemp(), "file")
>>> write_atomically(path, b"abc")
>>> read_whole(path)
b'abc'
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from logloss.errors import DataError, SourceNotFound
from logloss.text import printable

# No file of ours comes near it.
MOST_BYTES = 1 << 30
# Written to see whether there is room.
PROBE_BYTES = 1 << 16
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_atomically(path: Any, data: bytes) -> None:
    """Write a file by way of another one in the same folder: whoever reads it finds the old bytes or the new."""
    with replacing(path) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Any) -> Iterator[Any]:
    """A binary file to write to, which takes the place of `path` once all is written, and none if anything fails."""
    path = os.fspath(path)
    folder = os.path.dirname(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(prefix=".logloss-", dir=folder)
    try:
        with _told(path), os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # As any new file would have them, and not only for its owner, as temporary files are.
        os.chmod(temporary, _usual_mode(path))
        os.replace(temporary, path)
    finally:
        # After Ctrl-C or on a full disk nothing of it is left.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    _sync_folder(folder)


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """Say of which file it is that there is no room, and that nothing was lost."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        name = printable(path, 120)
        raise OSError(
            f'cannot write "{name}": {error.strerror}. What was there before still is; make room, or name another '
            "folder."
        ) from error


def _usual_mode(path: str) -> int:
    """The permissions of the file that is replaced, or those of a new one."""
    with contextlib.suppress(OSError):
        return os.stat(path).st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: str) -> None:
    """Make the new name last through a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def check_writable(path: Any) -> None:
    """Raise an OSError if a file cannot be written there: known before a long walk rather than after it."""
    folder = os.path.dirname(os.path.abspath(os.fspath(path)))
    name = printable(os.fspath(path), 120)
    if os.path.isdir(path):
        raise IsADirectoryError(f'cannot write "{name}": it is a folder. Name a file.')
    if not os.path.isdir(folder):
        raise FileNotFoundError(f'cannot write "{name}": there is no folder "{printable(folder, 120)}".')
    try:
        handle, temporary = tempfile.mkstemp(prefix=".logloss-", dir=folder)
        try:
            # A full disk often takes the name of a file, but no byte of it.
            with os.fdopen(handle, "wb") as file:
                file.write(bytes(PROBE_BYTES))
                file.flush()
                os.fsync(handle)
        finally:
            os.unlink(temporary)
    except OSError as error:
        raise OSError(
            f'cannot write "{name}": {error.strerror}. Name a file in another folder, or make room.'
        ) from error


def read_whole(path: Any) -> bytes:
    """All bytes of a file, at most MOST_BYTES."""
    name = printable(os.fspath(path), 120)
    if not os.path.exists(path):
        raise SourceNotFound(f'there is no file or folder "{name}".')
    if os.path.isdir(path):
        raise DataError(f'"{name}" is a folder. Pass the file of a summary.')
    size = os.path.getsize(path)
    if size > MOST_BYTES:
        raise DataError(f"{name} must be a file of ours, of at most 1 GiB; it has {size:,} bytes.")
    with open(path, "rb") as file:
        return file.read(MOST_BYTES + 1)
