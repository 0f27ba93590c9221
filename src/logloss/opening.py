"""load(): what kind of file it is, and whose class makes it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from logloss.calibration import filing as calibration_filing
from logloss.errors import DataError
from logloss.measurement import Measurement, measurement_of
from logloss.storage import read_whole
from logloss.text import printable, value_text

PARQUET = b"PAR1"


def load(path: Any) -> Any:
    """Read what `save` has written.

    Parameters
    ----------
    path : str or path
        The file of a summary, or of a calibration.

    Returns
    -------
    Measurement or Calibration
        Of a summary the figures are computed anew; it can be merged and saved like the one that was saved.

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
    name = printable(os.path.basename(os.fspath(path)), 120)
    data = read_whole(path)
    written = written_in(data, name) if data[:1] == b"{" else None
    if written is None:
        return measurement_of(*_kept_in(data, name))
    kind = written["logloss"]
    if kind == calibration_filing.KIND:
        return calibration_filing.calibration_of_json(written, name)
    raise DataError(f"{name} holds {value_text(kind)}, which this logloss does not know. Install a newer one.")


def written_in(data: bytes, name: str) -> dict[str, Any] | None:
    """What the JSON of a file of ours holds; None if it is not one of ours."""
    if len(data) > calibration_filing.MOST_BYTES:
        raise DataError(f"{name} must be a file of ours, of at most 32 MiB; it has {len(data):,} bytes.")
    try:
        written = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is damaged, or no JSON: {printable(str(error), 120)}. Make it again.") from error
    return written if isinstance(written, dict) and "logloss" in written else None


def _kept(path: Any) -> Any:
    """What the file of a summary holds: (summary, question, parts, source, notes)."""
    return _kept_in(read_whole(path), printable(os.path.basename(os.fspath(path)), 120))


def _kept_in(data: bytes, name: str) -> Any:
    """What the bytes of such a file hold."""
    from logloss.filing import summary_of_bytes

    if not data:
        raise DataError(f"{name} must hold a summary; it is empty, 0 bytes. Make it again.")
    if data[:4] != PARQUET:
        raise DataError(f"{name} must be a file that `save` or `-o` has written; it begins otherwise.")
    return summary_of_bytes(data, name)


def merged(paths: Sequence[Any]) -> Measurement:
    """The measurement of several summaries, two neighbours at a time, so that 100,000 small ones are soon merged."""
    level = [(os.fspath(path), *_kept(path)) for path in paths]
    while len(level) > 1:
        pairs = [level[k : k + 2] for k in range(0, len(level), 2)]
        level = [pair[0] if len(pair) == 1 else _merged(*pair) for pair in pairs]
    _, summary, question, parts, source, notes = level[0]
    return measurement_of(summary, question, parts, source, notes)


def _merged(a: Any, b: Any) -> Any:
    """Two of (path, summary, question, parts, source, notes) as one; an error names the paths."""
    try:
        question, parts, summary = a[2].merge(b[2]), a[3].union(b[3]), a[1].merge(b[1])
    except DataError as error:
        raise DataError(f"cannot merge {printable(a[0], 120)} and {printable(b[0], 120)}: {error}") from error
    notes = tuple(dict.fromkeys((*a[5], *b[5])))
    return f"{a[0]}, …" if "…" not in a[0] else a[0], summary, question, parts, parts.text, notes
