"""load(): what kind of file it is, and whose class makes it."""

from __future__ import annotations

import os
from typing import Any

from logloss.errors import DataError
from logloss.measurement import Measurement, measurement_of
from logloss.storage import read_whole
from logloss.text import printable

PARQUET = b"PAR1"


def load(path: Any) -> Measurement:
    """Read what `save` has written.

    Parameters
    ----------
    path : str or path
        The file of a summary.

    Returns
    -------
    Measurement
        Its figures are computed anew; it can be merged and saved like the one that was saved.

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
    from logloss.filing import summary_of_bytes

    name = printable(os.path.basename(os.fspath(path)), 120)
    data = read_whole(path)
    if not data:
        raise DataError(f"{name} must hold a summary; it is empty, 0 bytes. Make it again.")
    if data[:4] != PARQUET:
        raise DataError(f"{name} must be a file that `save` or `-o` has written; it begins otherwise.")
    return measurement_of(*summary_of_bytes(data, name))
