"""The family of segments that a search looks at: all rows, ranges of each column, and pairs of ranges of two columns.

Which segments belong to it is decided without labels: by rows, weights and forecasts alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from logloss.data.rows import Array
from logloss.onepass.summaries.segment_sums import Box, SegmentCells, SegmentSums

# Effective rows, and of these the sum of p(1 − p), that a segment needs; with clusters, effective clusters.
FEWEST_ROWS, LEAST_INFORMATION, FEWEST_CLUSTERS = 50.0, 5.0, 20.0
# A segment of nearly all rows of another one is that one.
SAME = 0.95


def table_of_ranges(ranges: list[tuple[int, int]], n_codes: int) -> Array:
    """Which codes each range holds, (n_ranges, n_codes), as 0 and 1."""
    table = np.zeros((len(ranges), n_codes))
    for number, (first, last) in enumerate(ranges):
        table[number, first:last] = 1.0
    return table


def boxes_of(cut: SegmentCells) -> list[Box]:
    """Every segment, in the order of `pieces_of`: all rows first, then ranges of columns, then pairs."""
    boxes = [Box()]
    for j, column in enumerate(cut.columns):
        boxes += [Box(j, first, last) for first, last in column.ranges()]
    ranges = [[column.in_codes(each) for each in column.coarse_ranges()] for column in cut.columns]
    for a, b in cut.pairs:
        boxes += [Box(a, *own, b, *other) for own in ranges[a] for other in ranges[b]]
    return boxes


def pieces_of(cut: SegmentCells, cells: Array, total: Array) -> Iterator[Array]:
    """The sums of every segment from those of cells, (n_cells, k), one piece for each column and pair: (n, k)."""
    yield total[None]
    layout, n, k = cut.layout, len(cut.columns), cells.shape[1]
    for j, column in enumerate(cut.columns):
        own = cells[layout[j] : layout[j] + column.n_codes]
        yield table_of_ranges(column.ranges(), column.n_codes).astype(cells.dtype) @ own
    tables = [table_of_ranges(column.coarse_ranges(), column.n_coarse).astype(cells.dtype) for column in cut.columns]
    for (a, b), start in zip(cut.pairs, layout[2 * n : -1], strict=True):
        width = cut.columns[b].n_coarse
        own = cells[start : start + cut.columns[a].n_coarse * width].reshape(-1, width, k)
        rows = (tables[a] @ own.reshape(len(own), -1)).reshape(-1, width, k)
        yield np.matmul(tables[b], rows).reshape(-1, k)


def sums_by_segment(cut: SegmentCells, cells: Array, total: Array) -> Array:
    """The sums of every segment, (n_segments, k)."""
    return np.concatenate(list(pieces_of(cut, cells, total)))


@dataclass(frozen=True, eq=False)
class Family:
    """The segments that are tested. sums: (n_segments, n_fields), by the names of `cut.fields`.

    places: their numbers among all segments of `boxes_of`. inflation: of the variance of each score, by dependent rows
    of one cluster: 1 without clusters; degrees: of freedom of that variance. directions: the scores of each by bucket,
    divided by their norm.
    """

    cut: SegmentCells
    boxes: list[Box]
    places: Array
    sums: Array
    inflation: Array
    degrees: Array
    directions: Array

    @cached_property
    def numbers(self) -> dict[Box, int]:
        """The number of each segment."""
        return {box: number for number, box in enumerate(self.boxes)}

    def __len__(self) -> int:
        return len(self.boxes)

    def sum_of(self, name: str) -> Array:
        """One sum of each segment."""
        return self.sums[:, self.cut.fields.index(name)]

    def taken(self, sums: SegmentSums) -> Array:
        """What a later pass has summed of these segments, (n_segments, n_fields)."""
        return sums_by_segment(sums.cut, sums.cells, sums.total)[self.places]

    @classmethod
    def of(cls, first: SegmentSums) -> Family:
        """Of the first pass over the rows."""
        cut = first.cut
        boxes, sums = boxes_of(cut), sums_by_segment(cut, first.cells, first.total)
        fields = {name: sums[:, k] for k, name in enumerate(cut.fields)}
        is_tested = large_enough(fields) & ~_repeated(cut, fields["weight"], boxes)
        has_clusters = first.buckets.shape[-1] == 2
        if has_clusters:
            weights = np.ascontiguousarray(first.buckets[:, :, 1].T)
            pieces = pieces_of(cut, weights, first.all_buckets[:, 1])
            counts = [effective(piece) for piece in pieces]
            is_tested &= np.concatenate(counts) >= FEWEST_CLUSTERS
        # All rows are a segment however few they are.
        is_tested[0] = True
        places = np.flatnonzero(is_tested)
        scores = _scores_of(first, is_tested)
        squares = np.einsum("gb,gb->g", scores, scores, dtype=np.float64)
        inflation, degrees = np.ones(len(places)), np.full(len(places), np.inf)
        if has_clusters:
            variance = np.maximum(fields["variance"][places], np.finfo(float).tiny)
            degrees = np.concatenate(counts)[places] - 1
            inflation = np.maximum(squares / variance * (1 + 1 / degrees), 1.0)
        scores /= np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))[:, None].astype(np.float32)
        return cls(cut, [boxes[place] for place in places.tolist()], places, sums[places], inflation, degrees, scores)


def effective(weights: Array) -> Array:
    """Kish's effective number of each row of weights."""
    squares = np.einsum("gb,gb->g", weights, weights)
    return weights.sum(axis=1) ** 2 / np.maximum(squares, np.finfo(float).tiny)


def large_enough(fields: dict[str, Array]) -> Array:
    """Which segments hold enough rows, and leave enough out: effective rows, and their variance where p is right."""
    weight, squares, variance = fields["weight"], fields["weight_squared"], fields["variance"]

    def is_enough(weight: Array, squares: Array, variance: Array) -> Array:
        squares = np.maximum(squares, np.finfo(float).tiny)
        rows = weight**2 / squares
        return (weight > 0) & (rows >= FEWEST_ROWS) & (variance / squares * rows >= LEAST_INFORMATION)

    inside = is_enough(weight, squares, variance)
    outside = is_enough(weight[0] - weight, squares[0] - squares, variance[0] - variance)
    result: Array = inside & outside
    return result


def _repeated(cut: SegmentCells, weight: Array, boxes: list[Box]) -> Array:
    """Pairs that hold nearly all rows of one of their two sides."""
    whole = {box: weight[number] for number, box in enumerate(boxes) if box.other < 0}
    sides = np.full(len(boxes), np.inf)
    for number in range(len(whole), len(boxes)):
        a, b = sides_of(boxes[number])
        sides[number] = min(whole.get(a, np.inf), whole.get(b, np.inf))
    repeated: Array = weight > SAME * sides
    return repeated


def sides_of(box: Box) -> tuple[Box, Box]:
    """The two segments of one column that a pair is the intersection of."""
    return Box(*box[:3]), Box(*box[3:])


def _scores_of(first: SegmentSums, is_tested: Array) -> Array:
    """The scores of the tested segments by bucket, (n_tested, n_buckets); those of clusters less their mean."""
    sides = [np.ascontiguousarray(first.buckets[:, :, k].T) for k in range(first.buckets.shape[2])]
    walks = [pieces_of(first.cut, side, first.all_buckets[:, k]) for k, side in enumerate(sides)]
    found, start = [], 0
    for scores, *weights in zip(*walks, strict=True):
        own = is_tested[start : start + len(scores)]
        start += len(scores)
        scores = scores[own]
        for each in weights:
            # Of a segment that is miscalibrated the mean is no variation between clusters.
            mean = scores.sum(axis=1) / each[own].sum(axis=1)
            scores = scores - mean[:, None] * each[own]
        found.append(scores.astype(np.float32))
    return np.concatenate(found)
