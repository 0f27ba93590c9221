"""A path, pattern or folder becomes the files it means."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from logloss.data.arrow.columns import Partitions
from logloss.errors import DataError, SourceNotFound
from logloss.text import counted, listed, printable

PARQUET = frozenset({".parquet", ".pq", ".parq"})
DELIMITED = frozenset({".csv", ".tsv", ".tab", ".txt"})
# What pyarrow unpacks by the last part of a name.
PACKED = frozenset({".gz", ".bz2", ".zst", ".lz4", ".br"})
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
N_BYTES_SNIFFED = 4096
# Letters of a path that messages show.
LONGEST_PATH = 200


@dataclass(frozen=True, slots=True)
class Found:
    """A file: its path, how people recognise it, what its folders say, and whether it is Parquet."""

    path: str
    name: str
    partitions: Partitions
    is_parquet: bool


def find(paths: Any) -> tuple[str, list[Found]]:
    """What the whole is called, and its files; at least one, each once, all of one format."""
    wanted = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    found = [file for path in wanted for file in _of_path(path, is_alone=len(wanted) == 1)]
    _refuse_twice(found)
    _refuse_mixture(found)
    if len(wanted) > 1:
        return counted(len(found), "file"), found
    if os.path.isfile(wanted[0]):
        return found[0].name, found
    return f"{counted(len(found), 'file')} of {printable(Path(wanted[0]).as_posix(), LONGEST_PATH)}", found


def _of_path(path: str, *, is_alone: bool) -> list[Found]:
    """The files that one path, folder or pattern means."""
    if os.path.isdir(path):
        files = _of_folder(path, path)
        if not files:
            raise SourceNotFound(f"the folder {_quoted(path)} holds no Parquet or CSV file.")
        return files
    if os.path.exists(path):
        name = os.path.basename(path) if is_alone else Path(path).as_posix()
        return [Found(path, printable(name, LONGEST_PATH), (), _is_parquet(path, name))]
    if not glob.has_magic(path):
        raise SourceNotFound(f"there is no file or folder {_quoted(path)}.")
    files = _of_pattern(path)
    if not files:
        raise SourceNotFound(f"no file matches {_quoted(path)}.")
    return files


def _of_folder(folder: str, top: str) -> list[Found]:
    """The files below a folder, sorted by their path below the top; others than Parquet and CSV are left alone."""
    paths = sorted(_walked(folder, ()), key=lambda path: Path(path).parts)
    files = ((path, _format(path)) for path in paths)
    return [_below(path, top, is_parquet=form == "parquet") for path, form in files if form]


def _walked(folder: str, above: tuple[str, ...]) -> Iterator[str]:
    """Every file below a folder whose name is not hidden; a link back to a folder above is not followed."""
    _refuse_lake(folder)
    here = os.path.realpath(folder)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith(("_", ".")):
            continue
        if not os.path.isdir(path):
            yield path
        elif os.path.realpath(path) not in (*above, here):
            yield from _walked(path, (*above, here))


def _of_pattern(pattern: str) -> list[Found]:
    """The files that match a pattern; folders that match are walked."""
    fixed: list[str] = []
    for part in Path(pattern).parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    top = str(Path(*fixed)) if fixed else "."
    shows_hidden = os.path.basename(pattern).startswith(("_", "."))
    files: list[Found] = []
    folders: set[str] = set()
    for path in sorted(glob.glob(pattern, recursive=True)):
        names = Path(os.path.relpath(path, top)).parts
        if not shows_hidden and any(name.startswith(("_", ".")) and name != "." for name in names):
            continue
        folders.update(os.path.join(top, *names[:depth]) for depth in range(len(names)))
        if not os.path.isdir(path):
            files.append(_below(path, top, is_parquet=_is_parquet(path, path)))
        elif "**" not in pattern:
            # A pattern with ** names the files below by itself.
            files += _of_folder(path, top)
    for folder in sorted(folders):
        _refuse_lake(folder)
    return files


def _below(path: str, top: str, *, is_parquet: bool) -> Found:
    """A file below a folder: named from there, with the columns that `key=value` folders between them hold."""
    relative = Path(os.path.relpath(path, top))
    pairs = (part.split("=", 1) for part in relative.parts[:-1] if part.find("=") > 0)
    partitions = tuple((unquote(key), None if value == HIVE_NULL else unquote(value)) for key, value in pairs)
    return Found(path, printable(relative.as_posix(), LONGEST_PATH), partitions, is_parquet)


def _format(path: str) -> str:
    """`parquet`, `csv` or "", by the name; Parquet files without such a name are known by their first bytes."""
    suffixes = _suffixes(path)
    if suffixes and suffixes[-1] in PARQUET:
        return "parquet"
    if suffixes and suffixes[-1] in DELIMITED:
        return "csv"
    return "parquet" if _first_bytes(path).startswith(b"PAR1") else ""


def _is_parquet(path: str, name: str) -> bool:
    """Whether a file that was asked for is Parquet; else it must be text."""
    form = _format(path)
    if form:
        return form == "parquet"
    first = _first_bytes(path)
    suffixes = Path(path).suffixes
    is_packed = bool(suffixes) and suffixes[-1].lower() in PACKED
    try:
        first[: first.rfind(b"\n") + 1 or len(first)].decode()
        is_text = b"\0" not in first
    except UnicodeDecodeError:
        is_text = False
    if is_packed or is_text:
        return False
    raise DataError(
        f"{printable(name, LONGEST_PATH)} must be Parquet or CSV in UTF-8; its bytes are neither. Convert it first."
    )


def _suffixes(path: str) -> list[str]:
    """The parts of a name after its dots, in small letters, without the one that says how it is packed."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    return suffixes[:-1] if suffixes and suffixes[-1] in PACKED else suffixes


def is_tabbed(path: str) -> bool:
    """Whether the name says that tabs stand between the fields."""
    return _suffixes(path)[-1:] in ([".tsv"], [".tab"])


def _first_bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(N_BYTES_SNIFFED)


def _refuse_twice(found: Sequence[Found]) -> None:
    """Refuse a file that is named twice, by whichever way: its rows would count twice."""
    paths: dict[tuple[int, int], str] = {}
    for file in found:
        stat = os.stat(file.path)
        same = (stat.st_dev, stat.st_ino)
        if same in paths:
            raise DataError(
                f"each file must be named once; {_quoted(file.path)} is the same file as {_quoted(paths[same])}. "
                "Leave one of them out."
            )
        paths[same] = file.path


def _quoted(path: str) -> str:
    """A path as messages name it."""
    return f'"{printable(path, LONGEST_PATH)}"'


def _refuse_mixture(found: Iterable[Found]) -> None:
    """Refuse Parquet and CSV together."""
    parquet = [file.name for file in found if file.is_parquet]
    others = [file.name for file in found if not file.is_parquet]
    if parquet and others:
        raise DataError(
            f"files read together must all be Parquet or all be CSV; found {counted(len(parquet), 'Parquet file')} "
            f"({listed(parquet, 3)}) and {counted(len(others), 'CSV file')} ({listed(others, 3)}). "
            'Name those you mean by a pattern such as "preds/*.parquet".'
        )


def _refuse_lake(folder: str) -> None:
    """Refuse the folder of a table whose log, not the list of its files, says which rows are valid."""
    if os.path.isdir(os.path.join(folder, "_delta_log")):
        kind, way = "Delta", f"deltalake.DeltaTable({_quoted(folder)}).to_pyarrow_dataset()"
    elif glob.glob(os.path.join(glob.escape(folder), "metadata", "*.metadata.json")):
        kind, way = "Iceberg", 'pyiceberg.catalog.load_catalog().load_table("...").scan().to_arrow()'
    else:
        return
    raise DataError(
        f"{_quoted(folder)} is a table of {kind}, whose files may hold rows that were deleted or replaced. Pass {way}."
    )
