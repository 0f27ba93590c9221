"""Bytes on disk: written whole or not at all, read with a limit, and files known by whichever name."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from typing import Any

from logloss.errors import DataError, SourceNotFound
from logloss.text import printable

StrPath = str | os.PathLike[str]
# No file of ours comes near it.
MOST_BYTES = 1 << 30
# Written to see whether there is room.
PROBE_BYTES = 1 << 16
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_atomically(path: StrPath, data: bytes) -> None:
    """Write a file by way of another one in the same folder: whoever reads it finds the old bytes or the new."""
    with replacing(path) as file:
        file.write(data)


# Files that are being written and have not taken their place yet: whoever must leave at once removes them first.
UNFINISHED: set[str] = set()
# Names of what this process has open, which are no files of their own.
DESCRIPTOR = re.compile(r"(?:/dev|/proc/self)/fd/(\d+)")
DESCRIPTORS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


@contextlib.contextmanager
def replacing(path: StrPath) -> Iterator[Any]:
    """A binary file to write to, which takes the place of `path` once all is written, and none if anything fails.

    A link stays, and its target is replaced. What is no file (a device, a pipe, /dev/stdout) is written to.
    """
    path = path_text(path)
    stream = _stream_at(path)
    if stream is not None:
        with (
            _no_room_named(path, is_kept=False),
            open(os.dup(stream) if isinstance(stream, int) else stream, "wb") as file,
        ):
            yield file
        return
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    _refuse_folder(path, target, folder)
    with _temporary(folder) as (temporary, handle):
        with _no_room_named(path), os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # As any new file would have them, and not only for its owner, as temporary files are.
        os.chmod(temporary, _usual_mode(target))
        os.replace(temporary, target)
    _sync_folder(folder)


def path_text(path: object) -> str:
    """The path as text; anything that names no file is refused."""
    if not isinstance(path, str | os.PathLike):
        raise DataError(f"a file must be named by its path, a text; got {type(path).__name__}.")
    return os.fspath(path)


def _refuse_folder(path: StrPath, target: str, folder: str) -> None:
    """Raise an OSError where the target is a folder, or lies in none."""
    name = printable(os.fspath(path), 120)
    if os.path.isdir(target):
        raise IsADirectoryError(f'cannot write "{name}": it is a folder. Name a file.')
    if not os.path.isdir(folder):
        raise FileNotFoundError(f'cannot write "{name}": there is no folder "{printable(folder, 120)}".')


@contextlib.contextmanager
def _temporary(folder: str) -> Iterator[tuple[str, int]]:
    """The name and the handle of a new hidden file; after Ctrl-C or on a full disk nothing of it is left."""
    name = os.path.join(folder, f".logloss-{secrets.token_hex(8)}")
    # Known before it exists, as a signal may come at any time.
    UNFINISHED.add(name)
    try:
        yield name, os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)
        UNFINISHED.discard(name)


def remove_unfinished() -> None:
    """Remove what is half written: for a process that cannot wait for its `finally` clauses."""
    for name in list(UNFINISHED):
        with contextlib.suppress(OSError):
            os.unlink(name)


def _stream_at(path: str) -> int | str | None:
    """What is opened to write to a device, a pipe or a descriptor of this process; None for a file, old or new."""
    name = os.path.abspath(path)
    match = DESCRIPTOR.fullmatch(name)
    if match or name in DESCRIPTORS:
        number = int(match[1]) if match else DESCRIPTORS[name]
        # Refused where nothing is open under that number.
        os.fstat(number)
        return number
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    return path if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode) else None


def is_stream(path: StrPath) -> bool:
    """Whether a path is no file but a device, a pipe or a descriptor of this process: nothing there is replaced."""
    return _stream_at(os.fspath(path)) is not None


def identity(path: StrPath) -> tuple[int, int, str]:
    """What two names of one file have in common, by whichever links; also of a file that does not exist yet."""
    try:
        found = os.stat(path)
    except OSError:
        try:
            folder, name = os.path.split(os.path.realpath(path))
            found = os.stat(folder)
        except OSError:
            # Nothing can be written there.
            return 0, 0, os.fspath(path)
        return found.st_dev, found.st_ino, os.path.normcase(name)
    return found.st_dev, found.st_ino, ""


@contextlib.contextmanager
def _no_room_named(path: str, *, is_kept: bool = True) -> Iterator[None]:
    """Name the file in errors of a full disk or a closed pipe, and add that nothing was lost."""
    try:
        yield
    except OSError as error:
        if error.errno not in (*NO_ROOM, errno.EPIPE):
            raise
        name = printable(path, 120)
        kept = (
            "What was there before still is; make room, or name another folder." if is_kept else "Name a file instead."
        )
        raise OSError(f'cannot write "{name}": {error.strerror}. {kept}') from error


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


def check_writable(path: StrPath) -> None:
    """Raise an OSError if a file cannot be written there: known before a long walk rather than after it."""
    name = printable(os.fspath(path), 120)
    try:
        stream = _stream_at(os.fspath(path))
        if isinstance(stream, int):
            return
        target = os.path.realpath(path)
        folder = os.path.dirname(target)
        _refuse_folder(path, target, folder)
        if os.path.lexists(path) and not os.access(path, os.W_OK) and os.path.exists(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if stream is not None:
            return
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError(errno.EINVAL, "it is neither a file nor a pipe")
        # A full disk often takes the name of a file, but no byte of it.
        with _temporary(folder) as (_, handle), os.fdopen(handle, "wb") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(handle)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(
            f'cannot write "{name}": {error.strerror}. Name a file in another folder, or make room.'
        ) from error


def read_whole(path: StrPath) -> bytes:
    """All bytes of a file, at most MOST_BYTES."""
    path = path_text(path)
    name = printable(path, 120)
    if not os.path.exists(path):
        raise SourceNotFound(f'there is no file or folder "{name}".')
    if os.path.isdir(path):
        raise DataError(f'"{name}" is a folder. Pass the file of a summary.')
    size = os.path.getsize(path)
    if size > MOST_BYTES:
        raise DataError(f"{name} must be a logloss file, of at most 1 GiB; it has {size:,} bytes.")
    with open(path, "rb") as file:
        return file.read(MOST_BYTES + 1)
