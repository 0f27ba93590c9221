"""load(): what kind of file it is, and whose class makes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from logloss.calibration import Calibration
from logloss.errors import DataError
from logloss.files.document import document_of
from logloss.files.fitted_file import fitted_of_fields
from logloss.files.saved_answer import answer_of_fields
from logloss.files.storage import StrPath, read_whole
from logloss.files.summary_reading import record_of_bytes
from logloss.measurement import Measurement, SummaryRecord, measurement_of
from logloss.text import printable
from logloss.training.additive_model import AdditiveModel
from logloss.training.model import LogisticModel
from logloss.training.wide_model import WideModel

T = TypeVar("T", Measurement, LogisticModel, Calibration)
PARQUET = b"PAR1"


def load(path: StrPath) -> Any:
    """Read what `save` has written.

    Parameters
    ----------
    path : str or path
        The file of a summary, a model, a calibration, a comparison, a difference, a run of periods or a plan; what it
        is, is read from the file.

    Returns
    -------
    Measurement, LogisticModel, AdditiveModel, WideModel, Calibration or SavedAnswer
        A measurement's figures are computed anew; it can be merged and saved like the one that was saved. Models
        and calibrations are those that were saved, to the bit; comparisons, differences, runs and plans have the words
        and figures that they had.

    Raises
    ------
    SourceNotFound
        If there is no such file.
    DataError
        If it is damaged, of a newer format, or no file of logloss.

    Notes
    -----
    Cost: reads the file, a few MB at most; the rows are not needed.

    Examples
    --------
    >>> import logloss, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "monday.logloss")
    >>> logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9]).save(path)
    >>> round(logloss.load(path).log_loss, 4)
    0.3375
    """
    data, name = read_whole(path), printable(os.path.basename(os.fspath(path)), 120)
    if data[:1] == b"{":
        fields = document_of(data, name)
        if fields["logloss"] not in READERS:
            raise DataError(f'{name} holds a "{printable(fields["logloss"])}", unknown to this version.')
        return READERS[fields["logloss"]](fields, name)
    return measurement_of(record_in(path, data))


# What documents hold, by their first field.
READERS: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
    "model": fitted_of_fields,
    "additive": fitted_of_fields,
    "wide": fitted_of_fields,
    "calibration": fitted_of_fields,
    "comparison": answer_of_fields,
    "difference": answer_of_fields,
    "monitoring": answer_of_fields,
    "plan": answer_of_fields,
    "segments": answer_of_fields,
}


# The command that writes each kind.
COMMANDS: dict[type, str] = {
    Measurement: "logloss measure … -o monday.logloss",
    LogisticModel: "logloss fit … -o model.json",
    Calibration: "logloss calibrate … -o calibration.json",
}


def load_as(kind: type[T], path: StrPath) -> T:
    """Read an answer of one kind; another file is refused by name."""
    answer = load(path)
    if not isinstance(answer, kind):
        raise _of_another_kind(answer, kind, path)
    return answer


def load_model(path: StrPath) -> LogisticModel | AdditiveModel | WideModel:
    """Read a model; another file is refused by name."""
    answer = load(path)
    if not isinstance(answer, LogisticModel | AdditiveModel | WideModel):
        raise _of_another_kind(answer, LogisticModel, path)
    return answer


def _of_another_kind(answer: object, kind: type[Measurement | LogisticModel | Calibration], path: StrPath) -> DataError:
    return DataError(
        f"{printable(os.path.basename(os.fspath(path)), 120)} must hold a {kind.kind}; it holds a "
        f"{type(answer).__name__}. A {kind.kind} is what `{COMMANDS[kind]}` writes."
    )


def record_in(path: StrPath, data: bytes | None = None) -> SummaryRecord:
    """The record of a summary, without its measurement; another file is refused by name."""
    name = printable(os.path.basename(os.fspath(path)), 120)
    data = read_whole(path) if data is None else data
    if data[:1] == b"{":
        raise DataError(f"{name} must hold a summary; it holds a document, of a model or a calibration.")
    if not data:
        raise DataError(f"{name} must hold a summary; it is empty, 0 bytes. Make it again.")
    if data[:4] != PARQUET:
        raise DataError(f"{name} must be a file that `save` or `-o` has written; it begins otherwise.")
    return record_of_bytes(data, name)


def merged(paths: Sequence[StrPath]) -> Measurement:
    """The measurement of several summaries, two neighbours at a time, so that 100,000 small ones are soon merged."""
    level = [(os.fspath(path), record_in(path)) for path in paths]
    while len(level) > 1:
        pairs = [level[k : k + 2] for k in range(0, len(level), 2)]
        level = [pair[0] if len(pair) == 1 else _merged(*pair) for pair in pairs]
    return measurement_of(level[0][1])


def _merged(first: tuple[str, SummaryRecord], second: tuple[str, SummaryRecord]) -> tuple[str, SummaryRecord]:
    """Two paths with their records as one; an error names the paths."""
    path, other = first[0], second[0]
    try:
        merged = first[1].merge(second[1])
    except DataError as error:
        raise DataError(f"cannot merge {printable(path, 120)} and {printable(other, 120)}: {error}") from error
    return path if "…" in path else f"{path}, …", merged
