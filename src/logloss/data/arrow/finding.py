"""A path, pattern or folder becomes the files it means."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import unquote

from logloss.data.arrow.arrays import Partitions
from logloss.data.arrow.formats import N_BYTES_OF_MAGIC, NAMES, READ, form_of, is_svmlight
from logloss.errors import DataError, SourceNotFound
from logloss.text import counted, listed, printable

PARQUET = frozenset({".parquet", ".pq", ".parq"})
DELIMITED = frozenset({".csv", ".tsv", ".tab", ".txt"})
SVMLIGHT = frozenset({".svm", ".svmlight", ".libsvm"})
# What pyarrow unpacks by the last part of a name.
PACKED = frozenset({".gz", ".bz2", ".zst", ".lz4", ".br"})
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
# Letters of a path that messages show.
LONGEST_PATH = 200
# Folders above a file in which the log of its table is looked for: columns of partitions are fewer.
MOST_FOLDERS_ABOVE = 8


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file: its path, the name that messages show, columns of its folders, and its format (a key of NAMES)."""

    path: str
    name: str
    partitions: Partitions
    form: str


def find(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> tuple[str, list[FoundFile]]:
    """What the whole is called, and its files; at least one, each once."""
    wanted = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    files = [file for path in wanted for file in _of_path(path, is_alone=len(wanted) == 1)]
    if not (len(wanted) == 1 and os.path.isfile(wanted[0])):
        # One file that is named is read as it is; several are taken for a table.
        _refuse_lakes_above(files)
    _refuse_twice(files)
    if len(wanted) > 1:
        return counted(len(files), "file"), files
    if os.path.isfile(wanted[0]):
        return files[0].name, files
    return f"{counted(len(files), 'file')} of {printable(Path(wanted[0]).as_posix(), LONGEST_PATH)}", files


def _of_path(path: str, *, is_alone: bool) -> list[FoundFile]:
    if os.path.isdir(path):
        files = _of_folder(path, path)
        if not files:
            raise SourceNotFound(f"the folder {_quoted(path)} holds no {READ} file.")
        return files
    if os.path.exists(path):
        _refuse_pipe(path)
        name = os.path.basename(path) if is_alone else Path(path).as_posix()
        return [FoundFile(path, printable(name, LONGEST_PATH), (), _form(path) or "csv")]
    _refuse_address(path)
    if not glob.has_magic(path):
        raise SourceNotFound(f"there is no file or folder {_quoted(path)}.")
    files = _of_pattern(path)
    if not files:
        raise SourceNotFound(f"no file matches {_quoted(path)}.")
    return files


def _of_folder(folder: str, top: str) -> list[FoundFile]:
    """The files below a folder, sorted by their path below the top; those of other formats are left alone."""
    paths = sorted(_walked(folder, ()), key=lambda path: Path(path).parts)
    files = ((path, _form(path)) for path in paths)
    return [_below(path, top, form) for path, form in files if form]


def _walked(folder: str, above: tuple[str, ...]) -> Iterator[str]:
    """Every file below a folder whose name is not hidden; a link back to a folder above is not followed."""
    _refuse_lake(folder)
    here = os.path.realpath(folder)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith(("_", ".")):
            continue
        if not os.path.isdir(path):
            # A pipe or a socket is left alone; a broken link is not, as its rows would be missed.
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
            files.append(_below(path, top, _form(path) or "csv"))
        elif "**" not in pattern:
            # A pattern with ** names the files below by itself.
            files += _of_folder(path, top)
    return files


def _below(path: str, top: str, form: str) -> FoundFile:
    """A file below a folder: named from there, with the columns that `key=value` folders between them hold."""
    relative = Path(os.path.relpath(path, top))
    pairs = (part.split("=", 1) for part in relative.parts[:-1] if part.find("=") > 0)
    partitions = tuple((unquote(key), None if value == HIVE_NULL else unquote(value)) for key, value in pairs)
    return FoundFile(path, printable(relative.as_posix(), LONGEST_PATH), partitions, form)


def _form(path: str) -> str:
    """The format by the name, else by the first bytes; "" where neither shows it: text, or what is not read."""
    suffixes = _suffixes(path)
    if suffixes and suffixes[-1] in PARQUET:
        # What is packed once more is opened as text is, and refused there.
        return "csv" if path.lower().endswith(tuple(PACKED)) else "parquet"
    if suffixes and suffixes[-1] in DELIMITED:
        return "csv"
    if suffixes and suffixes[-1] in SVMLIGHT:
        return "svmlight"
    with open(path, "rb") as file:
        start = file.read(N_BYTES_OF_MAGIC)
    return "svmlight" if is_svmlight(start) else form_of(start)


def _suffixes(path: str) -> list[str]:
    """The parts of a name after its dots, in small letters, without that of the packing."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    return suffixes[:-1] if suffixes and suffixes[-1] in PACKED else suffixes


def is_tabbed(path: str) -> bool:
    """Whether the name is that of text with tabs between the fields."""
    return _suffixes(path)[-1:] in ([".tsv"], [".tab"])


def is_pipe(path: str | os.PathLike[str]) -> bool:
    """Whether a path is there and is neither file nor folder: a pipe, a device, what a shell puts for `<(...)`."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def _refuse_pipe(path: str) -> None:
    """Refuse a pipe among other files: to look at its first bytes would take them away."""
    if is_pipe(path):
        raise DataError(
            f"{_quoted(path)} must be a file where several are read; it is a pipe or a device, whose bytes come once. "
            "Name it alone, or write it to a file."
        )


def _refuse_address(path: str) -> None:
    """Refuse the address of another machine, which nothing here opens."""
    scheme = ADDRESS.match(path)
    if scheme is None:
        return
    if scheme[1].lower() == "file":
        way = "Name its path on this machine."
    elif scheme[1].lower() in ("http", "https", "ftp"):
        way = "Download it first: curl -LO ADDRESS. Or send it on: curl -L ADDRESS | logloss measure - …"
    else:
        way = "Copy it first, or pass a dataset in Python: logloss.measure(pyarrow.dataset.dataset(ADDRESS), …)"
    raise SourceNotFound(f"files must be on this machine; {_quoted(path)} is an address. {way}")


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


def refuse_mixture(files: Iterable[FoundFile]) -> None:
    """Refuse files of several formats: most likely some of them are not meant."""
    names: dict[str, list[str]] = {}
    for file in files:
        names.setdefault(NAMES[file.form], []).append(file.name)
    if len(names) > 1:
        held = (f"{counted(len(own), f'{form} file')} ({listed(own, 3)})" for form, own in names.items())
        raise DataError(
            f"files read together must be of one format; found {' and '.join(held)}. "
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
    """Refuse the folder of a table whose log, not the list of its files, lists the valid rows."""
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


def is_found_by(path: str, word: str, *, is_summary: bool = False) -> bool:
    """Whether a file, old or new, is among those that a folder or a pattern means.

    is_summary: it is known by its content to hold no rows, and left out, unless its name is that of a text file.
    """
    if is_summary and not set(_suffixes(path)[-1:]) & DELIMITED:
        return False
    is_named = bool(set(_suffixes(path)[-1:]) & (PARQUET | DELIMITED))
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
