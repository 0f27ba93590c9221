"""A path, pattern or folder becomes the files it means."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import unquote

from logloss.data.arrow.arrays import Partitions
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
# Folders above a file in which the log of its table is looked for: columns of partitions are fewer.
MOST_FOLDERS_ABOVE = 8


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file: its path, how people recognise it, what its folders say, and whether it is Parquet."""

    path: str
    name: str
    partitions: Partitions
    is_parquet: bool


def find(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> tuple[str, list[FoundFile]]:
    """What the whole is called, and its files; at least one, each once, all of one format."""
    wanted = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    files = [file for path in wanted for file in _of_path(path, is_alone=len(wanted) == 1)]
    if not (len(wanted) == 1 and os.path.isfile(wanted[0])):
        # One file that is named is what its name says; several are taken for a table.
        _refuse_lakes_above(files)
    _refuse_twice(files)
    _refuse_mixture(files)
    if len(wanted) > 1:
        return counted(len(files), "file"), files
    if os.path.isfile(wanted[0]):
        return files[0].name, files
    return f"{counted(len(files), 'file')} of {printable(Path(wanted[0]).as_posix(), LONGEST_PATH)}", files


def _of_path(path: str, *, is_alone: bool) -> list[FoundFile]:
    if os.path.isdir(path):
        files = _of_folder(path, path)
        if not files:
            raise SourceNotFound(f"the folder {_quoted(path)} holds no Parquet or CSV file.")
        return files
    if os.path.exists(path):
        _refuse_pipe(path)
        name = os.path.basename(path) if is_alone else Path(path).as_posix()
        return [FoundFile(path, printable(name, LONGEST_PATH), (), _is_parquet(path, name))]
    if not glob.has_magic(path):
        raise SourceNotFound(f"there is no file or folder {_quoted(path)}.")
    files = _of_pattern(path)
    if not files:
        raise SourceNotFound(f"no file matches {_quoted(path)}.")
    return files


def _of_folder(folder: str, top: str) -> list[FoundFile]:
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
            # A pipe or a socket is left alone; a link that leads nowhere is not, as its rows would be missed.
            if os.path.isfile(path) or not os.path.exists(path):
                yield path
        elif os.path.realpath(path) not in (*above, here):
            yield from _walked(path, (*above, here))


def _of_pattern(pattern: str) -> list[FoundFile]:
    """The files that match a pattern; folders that match are walked."""
    fixed: list[str] = []
    for part in Path(pattern).parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    top = str(Path(*fixed)) if fixed else "."
    shows_hidden = os.path.basename(pattern).startswith(("_", "."))
    files: list[FoundFile] = []
    for path in sorted(glob.glob(pattern, recursive=True)):
        names = Path(os.path.relpath(path, top)).parts
        if not shows_hidden and any(name.startswith(("_", ".")) and name != "." for name in names):
            continue
        if not os.path.isdir(path):
            _refuse_pipe(path)
            files.append(_below(path, top, is_parquet=_is_parquet(path, path)))
        elif "**" not in pattern:
            # A pattern with ** names the files below by itself.
            files += _of_folder(path, top)
    return files


def _below(path: str, top: str, *, is_parquet: bool) -> FoundFile:
    """A file below a folder: named from there, with the columns that `key=value` folders between them hold."""
    relative = Path(os.path.relpath(path, top))
    pairs = (part.split("=", 1) for part in relative.parts[:-1] if part.find("=") > 0)
    partitions = tuple((unquote(key), None if value == HIVE_NULL else unquote(value)) for key, value in pairs)
    return FoundFile(path, printable(relative.as_posix(), LONGEST_PATH), partitions, is_parquet)


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


def _refuse_pipe(path: str) -> None:
    """Refuse what is there but is no file: to look at its first bytes would take them away."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise DataError(
            f"{_quoted(path)} must be a file; it is a pipe or a device, whose bytes come once. "
            "Send them to standard input, which is named -."
        )


def _refuse_twice(files: Sequence[FoundFile]) -> None:
    """Refuse a file that is named twice, by whichever way: its rows would count twice."""
    paths: dict[tuple[int, int], str] = {}
    for file in files:
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


def _refuse_mixture(files: Iterable[FoundFile]) -> None:
    parquet = [file.name for file in files if file.is_parquet]
    others = [file.name for file in files if not file.is_parquet]
    if parquet and others:
        raise DataError(
            f"files read together must all be Parquet or all be CSV; found {counted(len(parquet), 'Parquet file')} "
            f"({listed(parquet, 3)}) and {counted(len(others), 'CSV file')} ({listed(others, 3)}). "
            'Name those you mean by a pattern such as "preds/*.parquet".'
        )


def _refuse_lakes_above(files: Iterable[FoundFile]) -> None:
    """Refuse files of such a table: patterns, folders and lists within it mean all its files, too."""
    folders: set[Path] = set()
    for folder in {os.path.dirname(file.path) for file in files}:
        here = Path(os.path.realpath(folder))
        folders.update([here, *here.parents[:MOST_FOLDERS_ABOVE]])
    for each in sorted(folders):
        _refuse_lake(str(each))


def _refuse_lake(folder: str) -> None:
    """Refuse the folder of a table whose log, not the list of its files, says which rows are valid."""
    if os.path.isdir(os.path.join(folder, "_delta_log")):
        kind, way = "Delta", f"deltalake.DeltaTable({_quoted(folder)}).to_pyarrow_dataset()"
    elif glob.glob(os.path.join(glob.escape(folder), "metadata", "*.metadata.json")):
        kind, way = "Iceberg", 'pyiceberg.catalog.load_catalog().load_table("...").scan().to_arrow()'
    elif os.path.isdir(os.path.join(folder, ".hoodie")):
        kind, way = "Hudi", f'spark.read.format("hudi").load({_quoted(folder)})'
    elif glob.glob(os.path.join(glob.escape(folder), "snapshot", "snapshot-*")):
        kind, way = "Paimon", f'spark.read.format("paimon").load({_quoted(folder)})'
    else:
        return
    raise DataError(
        f"{_quoted(folder)} is a table of {kind}, whose files may hold rows that were deleted or replaced. Pass {way}."
    )


def is_found_by(path: str, word: str, *, is_parquet: bool = False) -> bool:
    """Whether a file, old or new, is among those that a folder or a pattern means. is_parquet: whatever its name."""
    is_named = is_parquet or bool(set(_suffixes(path)[-1:]) & (PARQUET | DELIMITED))
    names = Path(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))).parts
    if os.path.isdir(word):
        top = Path(os.path.realpath(word)).parts
        below = names[len(top) :]
        return is_named and names[: len(top)] == top and not any(name.startswith(("_", ".")) for name in below)
    if os.path.exists(word) or not glob.has_magic(word) or names[-1].startswith(("_", ".")):
        return False
    parts = Path(os.path.abspath(word)).parts
    n_fixed = parts.index("**") if "**" in parts else len(parts)
    if len(names) < n_fixed or not all(map(fnmatch, names[:n_fixed], parts[:n_fixed])):
        return False
    if n_fixed < len(parts):
        return parts[-1] == "**" or fnmatch(names[-1], parts[-1])
    # A folder that matches is walked.
    return len(names) == n_fixed or is_named
