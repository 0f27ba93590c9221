"""Files that are written: whole or not at all, where the name leads, and nothing in their place that is no file."""

import os
import socket
import stat
import sys
import threading

import pytest

from logloss import DataError, measure
from logloss.files import storage

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path, exists):
    (tmp_path / "deep").mkdir()
    target, link = tmp_path / "deep" / "file", tmp_path / "link"
    if exists:
        target.write_text("old")
    link.symlink_to("deep/file")
    storage.check_writable(link)
    storage.write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert [each.name for each in (tmp_path / "deep").iterdir()] == ["file"]


@posix
def test_a_pipe_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    storage.check_writable(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    measure([1, 0], [0.5, 0.5]).save(pipe)
    reader.join()
    assert got[0].startswith(b"PAR1")
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)


@pytest.mark.skipif(not hasattr(os, "mknod") or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("minor", [3, 7], ids=["null", "full"])
def test_a_device_is_written_to(tmp_path, minor):
    """Whoever is root would otherwise replace /dev/null by a file."""
    device = tmp_path / "device"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        os.close(os.open(device, os.O_WRONLY))
    except OSError:
        pytest.skip("no device can be made here")
    storage.check_writable(device)
    if minor == 3:
        storage.write_atomically(device, b"new")
    else:
        with pytest.raises(OSError, match=r'device": No space left on device\. Name a file instead'):
            storage.write_atomically(device, b"new")
    assert stat.S_ISCHR(os.stat(device).st_mode)
    assert [each.name for each in tmp_path.iterdir()] == ["device"]


@posix
def test_a_descriptor_is_written_to_where_it_stands(tmp_path):
    """Not opened anew: /dev/stdout that leads to a file would begin at its start again."""
    with open(tmp_path / "file", "wb") as file:
        file.write(b"before ")
        file.flush()
        name = f"/dev/fd/{file.fileno()}"
        assert storage.is_stream(name)
        storage.check_writable(name)
        storage.write_atomically(name, b"new")
        file.write(b" after")
    assert (tmp_path / "file").read_bytes() == b"before new after"


@posix
def test_what_is_neither_file_nor_pipe_is_refused(tmp_path, monkeypatch):
    # A short name: that of a socket may have 107 bytes.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("s")
        with pytest.raises(OSError, match=r'cannot write "s": it is neither a file nor a pipe'):
            storage.check_writable("s")
        assert stat.S_ISSOCK(os.stat("s").st_mode)


@posix
def test_a_reader_that_leaves_is_no_full_answer(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: open(pipe, "rb").close())
    reader.start()

    def write():
        with storage.replacing(pipe) as file:
            reader.join()
            file.write(b"x" * (1 << 20))

    with pytest.raises(OSError, match=r'pipe": Broken pipe'):
        write()


@posix
def test_files_are_known_through_links_and_before_they_exist(tmp_path):
    (tmp_path / "a").write_text("")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "dangling").symlink_to("new")
    os.link(tmp_path / "a", tmp_path / "hard")
    (tmp_path / "d").mkdir()
    alike = [{"a", "link", "hard", "d/../a"}, {"new", "dangling", "d/../new"}, {"d/new"}, {"no/new"}]
    names = sorted(set().union(*alike))
    for one in names:
        for other in names:
            same = any({one, other} <= each for each in alike)
            assert (storage.identity(tmp_path / one) == storage.identity(tmp_path / other)) is same


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def write():
        with storage.replacing(path) as file:
            file.write(b"half")
            assert len(storage.UNFINISHED) == 1
            raise DataError("enough")

    with pytest.raises(DataError):
        write()
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert not storage.UNFINISHED


def test_who_must_leave_at_once_removes_what_is_half_written(tmp_path):
    def write():
        with storage.replacing(tmp_path / "file") as file:
            file.write(b"half")
            storage.remove_unfinished()
            assert list(tmp_path.iterdir()) == []

    with pytest.raises(FileNotFoundError):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path):
    path = tmp_path / "file"
    path.write_text("kept")
    path.chmod(0o444)
    with pytest.raises(OSError, match="Permission denied"):
        storage.check_writable(path)
