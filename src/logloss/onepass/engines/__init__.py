"""The same map and merge on other machines: Dask and Spark schedule, retry and move; ours is what they are handed.

An engine has one verb, `map_and_merge(parts, empty)`, and `keep`, which holds the columns of a frame in memory where a
fit will walk over them repeatedly. `run.summarised` asks the source for its engine, so that every verb works on each.

>>> with placed({"y": [1, 0], "p": [0.5, 0.5]}, RowOptions()) as table:
...     print(table)
{'y': [1, 0], 'p': [0.5, 0.5]}
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from logloss.data.request import RowOptions
from logloss.data.source import Source, as_source, is_paths
from logloss.errors import DataError
from logloss.onepass.engines.frame_sources import EngineSource, FrameSource, kind_of_frame

if TYPE_CHECKING:
    from logloss.onepass.engines.frame_sources import Engine

KINDS = ("dask", "spark")


@contextmanager
def placed(data: Any, requested: RowOptions, *, is_repeated: bool = False) -> Iterator[Any]:
    """What a verb is to walk over: `data` itself, or a source whose walks an engine does.

    data: a frame of Dask or Spark, or, with an engine, an Arrow dataset or the paths of files that every worker finds
    under the same name. An engine that is given by name is started on this machine and stopped afterwards.
    is_repeated: whether a frame's columns are to be held in memory.
    """
    kind = kind_of_frame(data)
    if requested.engine is None and not kind:
        yield data
        return
    engine = _opened(requested.engine, kind, data)
    try:
        yield _source(data, kind, engine, header=requested.header, is_repeated=is_repeated)
    finally:
        engine.close()


def _opened(engine: object, kind: str, data: Any) -> Engine:
    """The engine that was given, or that the frame belongs to."""
    wanted = _kind_of(engine) if engine is not None else kind
    if kind and wanted != kind:
        raise DataError(f"this frame is one of {kind.title()}; `engine=` names {wanted.title()}. Leave `engine=` out.")
    if wanted == "dask":
        from logloss.onepass.engines.dask import DaskEngine

        return DaskEngine.opened(engine)
    from logloss.onepass.engines.spark import SparkEngine

    return SparkEngine.opened(engine, data if kind else None)


def _kind_of(engine: object) -> str:
    """`dask` or `spark`, of what stands for `engine=`."""
    if isinstance(engine, str) and engine in KINDS:
        return engine
    root = type(engine).__module__.split(".")[0]
    if root == "distributed" and hasattr(engine, "scheduler_info"):
        return "dask"
    if root == "pyspark" and hasattr(engine, "createDataFrame"):
        return "spark"
    got = repr(engine) if isinstance(engine, str) else type(engine).__name__
    raise DataError(f'`engine` must be a distributed.Client, a SparkSession, "dask" or "spark"; got {got}.')


def _source(data: Any, kind: str, engine: Engine, *, header: bool, is_repeated: bool) -> Source:
    if kind:
        return engine.frame_source(data, is_repeated=is_repeated)
    is_dataset = type(data).__module__.startswith("pyarrow._dataset")
    is_files = isinstance(data, Source) and hasattr(data, "files")
    if not (is_paths(data) or is_dataset or is_files):
        raise DataError(
            f"`engine=` walks over files, Arrow datasets and frames of Dask or Spark; {type(data).__name__} is in the "
            "memory of this process. Leave `engine=` out, or write it to a file."
        )
    return EngineSource(as_source(data, header=header), engine)


__all__ = ["EngineSource", "FrameSource", "placed"]
