"""Why a loss moved: exact sums, as printed; intervals against brute force and simulation; groups and impossible rows."""

from __future__ import annotations

import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

import logloss
from logloss import DataError
from logloss.answers.estimate import Estimate, student_quantile
from logloss.data.request import RowOptions
from logloss.difference.mix import groups_of
from logloss.inference import null_distribution
from logloss.measurement.record import summarise

SEED = 41


def month(seed: int, n_rows: int, shift: float = 0.0, factor: float = 1.0, **options):
    """A measurement of forecasts that were right before the logits were moved and stretched."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 1, n_rows)
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-logit - shift))).astype(np.uint8)
    options = {name: value(rng, n_rows) for name, value in options.items()}
    return logloss.measure(y, 1 / (1 + np.exp(-factor * logit)), **options)


@pytest.fixture(scope="module")
def months():
    return month(1, 1500), month(2, 2000, 0.4, 1.4)


def terms(text: str, heads: list[str]) -> tuple[list[float], int]:
    """The figures that stand behind these heads, and their digits after the point."""
    found = [re.search(rf"^{re.escape(head)}\s+([+−]\d+\.(\d+))", text, re.M) for head in heads]
    return [float(match[1].replace("−", "-")) for match in found], len(found[0][2])


def test_the_parts_add_up_to_the_digit_as_printed():
    """Of many pairs of months, as printed and as they are."""
    for seed in range(12):
        by = {"by": lambda rng, n: rng.integers(0, 3, n)}
        moved = logloss.diff(month(seed, 400, **by), month(seed + 50, 300, 0.1 * seed, 1 + 0.05 * seed, **by))
        text = repr(moved)
        figures, digits = terms(text, ["  uncertainty", "− discrimination", "+ miscalibration", "= log loss"])
        assert round(sum(figures[:3]), digits) == figures[3]
        figures, digits = terms(text, ["  composition effect (mix)", "+ within-group effect", "= log loss"])
        assert round(sum(figures[:2]), digits) == figures[2]
        # Three differences of figures of order one, rounded.
        assert moved.uncertainty - moved.discrimination + moved.miscalibration == pytest.approx(
            moved.log_loss, abs=1e-14
        )
        assert moved.composition_effect + moved.within_group_effect == pytest.approx(moved.log_loss, abs=1e-14)


def test_the_answer_stands_first(months):
    old, new = months
    text = repr(logloss.diff(old, new))
    first = text.splitlines()[0]
    interval = r"\(95% CI −?0\.\d{4}–−?0\.\d{4}\)"
    assert re.fullmatch(rf"log loss 0\.\d{{5,}} → 0\.\d{{5,}}: [+−]0\.\d{{5,}} {interval}", first)
    assert "base rate" in text
    assert re.search(r"^score distribution: PSI \d\.\d+ \(ten bins\), (little|moderate|large) change$", text, re.M)


def test_the_other_way_round_everything_changes_its_sign(months):
    """But for the bins of the scores, which are those of the old rows."""
    there, back = logloss.diff(*months), logloss.diff(*months[::-1])
    for name in ("log_loss", "uncertainty", "discrimination", "miscalibration"):
        one, other = getattr(there, name), getattr(back, name)
        assert (float(one), one.low, one.high) == pytest.approx((-other, -other.high, -other.low), abs=1e-15)


def test_errors_of_independent_samples_add_in_squares(months):
    """Where both intervals are nearly symmetric, theirs is the root of the sum of squares."""
    old, new = months
    found = logloss.diff(old, new).log_loss
    widths = [(m.log_loss.high - m.log_loss.low) / 2 for m in months]
    assert (found.high - found.low) / 2 == pytest.approx(math.hypot(*widths), rel=1e-3)


@pytest.mark.slow
def test_intervals_cover_the_true_value(monkeypatch):
    """200 pairs of months from one population: the move is 0 in 90 to 99 of 100 (three standard errors)."""
    # The null distribution is not what is tested.
    monkeypatch.setattr(null_distribution, "N_DRAWS", 2)
    rng = np.random.default_rng(SEED)

    def sample():
        group = rng.integers(0, 3, 300)
        logit = rng.normal(group - 2.0, 1)
        y = (rng.random(300) < 1 / (1 + np.exp(-logit))).astype(np.uint8)
        return logloss.measure(y, y_logit=1.2 * logit, by=group)

    held = dict.fromkeys(("log_loss", "uncertainty", "discrimination", "composition_effect", "within_group_effect"), 0)
    for _ in range(200):
        moved = logloss.diff(sample(), sample())
        for name in held:
            move = getattr(moved, name)
            held[name] += move.low <= 0 <= move.high
    assert all(0.90 <= number / 200 <= 0.995 for number in held.values()), held


def test_groups_are_mix_and_within():
    """Shares 50:50 to 80:20 at unchanged losses is mix alone; moved losses at unchanged shares is within alone."""
    y = np.tile([1, 0, 1, 1], 50)
    easy, hard = np.where(y == 1, 0.9, 0.1), np.where(y == 1, 0.6, 0.4)

    def of(n_easy, n_hard, forecast=hard):
        proba, labels = np.concatenate([easy[:n_easy], forecast[:n_hard]]), np.concatenate([y[:n_easy], y[:n_hard]])
        return logloss.measure(labels, proba, by=["easy"] * n_easy + ["hard"] * n_hard)

    loss = -math.log(0.9), -math.log(0.6)
    mix = logloss.diff(of(100, 100), of(160, 40))
    assert mix.composition_effect == pytest.approx(0.3 * loss[0] - 0.3 * loss[1], rel=1e-12)
    assert mix.within_group_effect == pytest.approx(0.0, abs=1e-15)
    within = logloss.diff(of(100, 100), of(100, 100, easy))
    assert within.composition_effect == pytest.approx(0.0, abs=1e-15)
    assert within.within_group_effect == pytest.approx(0.5 * (loss[0] - loss[1]), rel=1e-12)
    assert math.fsum(mix.groups["composition_nats"]) == pytest.approx(mix.composition_effect)


def test_errors_of_mix_and_within_are_those_of_the_rows():
    """By brute force: what each row's weight changes, by central differences (right to 1e-7), added in squares; to first
    order in 1 / n a row that is left out moves it by 1 + 1 / n of that. Welch's degrees of freedom."""
    rng = np.random.default_rng(SEED)
    sides = []
    for n_rows in (90, 110):
        group = rng.integers(0, 3, n_rows)
        p = np.clip(rng.random(n_rows) * 0.3 + 0.2 * group, 0.05, 0.95)
        sides.append(((rng.random(n_rows) < p).astype(np.uint8), p, group))

    def mix_and_within(weights):
        shares, losses = [], []
        for (y, p, group), w in zip(sides, weights, strict=True):
            cost = np.where(y == 1, -np.log(p), -np.log1p(-p))
            mass = np.bincount(group, w)
            shares.append(mass / mass.sum())
            losses.append(np.bincount(group, w * cost) / mass)
        mix = (shares[1] - shares[0]) @ (losses[0] + losses[1]) / 2
        return np.array([mix, (shares[0] + shares[1]) / 2 @ (losses[1] - losses[0])])

    variances = np.zeros((2, 2))
    for side in (0, 1):
        n_rows = len(sides[side][0])
        for row in range(n_rows):
            ends = []
            for step in (1e-5, -1e-5):
                weights = [np.ones(len(each[0])) for each in sides]
                weights[side][row] += step
                ends.append(mix_and_within(weights))
            variances[side] += ((ends[0] - ends[1]) / 2e-5) ** 2 * (1 + 2 / n_rows)
    moved = logloss.diff(*(logloss.measure(y, p, by=group) for y, p, group in sides))
    widths = np.array(
        [
            moved.composition_effect.high - moved.composition_effect,
            moved.within_group_effect.high - moved.within_group_effect,
        ]
    )
    total = variances.sum(axis=0)
    degrees = total**2 / (variances[0] ** 2 / 89 + variances[1] ** 2 / 109)
    quantiles = np.array([student_quantile(each) for each in degrees])
    assert widths == pytest.approx(quantiles * np.sqrt(total), rel=1e-6)


@pytest.mark.parametrize("is_paired", [False, True])
def test_errors_of_mix_and_within_with_clusters_are_those_of_the_clusters(is_paired):
    """By brute force: what each cluster's weight changes, by central differences, over 1 − its share; clusters of both
    sides first added up."""
    rng = np.random.default_rng(SEED)
    sides = []
    for low, n_clusters in ((0, 40), (20, 50)):
        cluster = low + np.repeat(np.arange(n_clusters), rng.integers(3, 20, n_clusters))
        group = rng.integers(0, 3, len(cluster))
        p = np.clip(rng.random(len(cluster)) * 0.3 + 0.2 * group, 0.05, 0.95)
        sides.append(((rng.random(len(p)) < p).astype(np.uint8), p, group, cluster, rng.gamma(2, 1, len(p))))

    def mix_and_within(weights):
        shares, losses = [], []
        for (y, p, group, _, _), w in zip(sides, weights, strict=True):
            mass = np.bincount(group, w)
            shares.append(mass / mass.sum())
            losses.append(np.bincount(group, w * np.where(y == 1, -np.log(p), -np.log1p(-p))) / mass)
        mix = (shares[1] - shares[0]) @ (losses[0] + losses[1]) / 2
        return np.array([mix, (shares[0] + shares[1]) / 2 @ (losses[1] - losses[0])])

    moved, share = np.zeros((2, 70, 2)), np.zeros((2, 70))
    for side in (0, 1):
        for each in np.unique(sides[side][3]):
            mine, ends = sides[side][3] == each, []
            for step in (1e-5, -1e-5):
                weights = [own[4].copy() for own in sides]
                weights[side][mine] *= 1 + step
                ends.append(mix_and_within(weights))
            share[side, each] = sides[side][4][mine].sum() / sides[side][4].sum()
            moved[side, each] = (ends[0] - ends[1]) / 2e-5 / (1 - share[side, each])
    names = ("user", "user") if is_paired else ("user", "visitor")
    months = [
        logloss.measure(y, p, by=group, cluster={name: cluster}, sample_weight=w)
        for (y, p, group, cluster, w), name in zip(sides, names, strict=True)
    ]
    found = logloss.diff(*months)
    assert found.is_paired == is_paired
    variances, own = (moved**2).sum(axis=1), 1 / (share**2).sum(axis=1) - 1
    total = variances.sum(axis=0)
    # Welch's degrees of freedom.
    degrees = total**2 / (variances[0] ** 2 / own[0] + variances[1] ** 2 / own[1])
    if is_paired:
        total = (moved.sum(axis=0) ** 2).sum(axis=0)
        # Three in ten clusters are in both.
        degrees = np.minimum(degrees, 4 / (share.sum(axis=0) ** 2).sum() - 1)
    quantiles = np.array([student_quantile(each) for each in degrees])
    # Central differences are right to 1e-7.
    assert [
        found.composition_effect.high - found.composition_effect,
        found.within_group_effect.high - found.within_group_effect,
    ] == pytest.approx(quantiles * np.sqrt(total), rel=1e-6)


@pytest.mark.parametrize("names", [("user", "user"), ("user", "visitor")])
def test_few_clusters_of_either_side_leave_a_move_of_groups_without_an_interval(names):
    few, many = (
        month(
            seed, 600, by=lambda rng, n: rng.integers(0, 2, n), cluster=lambda _, n, k=k, of=of: {k: np.arange(n) % of}
        )
        for seed, k, of in ((1, names[0], 9), (2, names[1], 90))
    )
    # Of rows: no clusters at all on the other side.
    alone = month(3, 600, by=lambda rng, n: rng.integers(0, 2, n))
    for moved in (logloss.diff(few, many), logloss.diff(many, few), logloss.diff(few, alone)):
        assert moved.within_group_effect.reason == moved.composition_effect.reason == "too few clusters (8.9 effective)"
    assert logloss.diff(alone, many).within_group_effect.has_interval


@pytest.mark.slow
def test_intervals_within_groups_cover_the_true_value_with_clusters():
    """Of 300 pairs of samples of 30 clusters, each in one group, those of rows covered no change 49 in 100 times. Of 94 in
    100 fewer than 260 hold less than once in a million times (binomial)."""
    rng = np.random.default_rng(SEED)

    def sample():
        cluster = np.repeat(np.arange(30), rng.integers(20, 61, 30))
        y = (rng.random(len(cluster)) < 1 / (1 + np.exp(-rng.normal(0, 1, 30)[cluster]))).astype(np.uint8)
        # Only what `groups_of` reads: the other figures of a measurement take longer than the sums.
        requested = RowOptions(y_proba=np.full(len(y), 2 / 3), by=cluster % 2, cluster=cluster)
        summary = summarise(y, requested).summary
        own = {"summary": summary, "n_rows": len(y), "is_soft": False, "n_infinite": 0, "cluster": ("cluster",)}
        return SimpleNamespace(**own, effective_rows=math.nan, log_loss=Estimate(0.5, 0.4, 0.6))

    held = 0
    for _ in range(300):
        within = groups_of(sample(), sample(), is_paired=False).within_group_effect
        held += within.low <= 0 <= within.high
    assert held >= 260


def test_a_group_that_is_new_has_moved_in_share_only():
    y, p = [1, 0] * 40, [0.7, 0.2] * 40
    old = logloss.measure(y, p, by=["a"] * 80)
    new = logloss.measure(y, [0.6, 0.4] * 40, by=["a"] * 40 + ["b"] * 40)
    moved = logloss.diff(old, new)
    assert moved.composition_effect + moved.within_group_effect == pytest.approx(moved.log_loss, abs=1e-15)
    by_name = {row["by"]: row for row in moved.groups}
    assert by_name["b"]["within_group_nats"] == 0.0
    assert math.isnan(by_name["b"]["log_loss_old_nats"])
    assert "none → 0.5" in repr(moved)


def test_other_groups_are_not_compared():
    y, p = [1, 0] * 40, [0.7, 0.2] * 40
    old, new = logloss.measure(y, p, by={"a": y}), logloss.measure(y, p, by={"b": y})
    assert logloss.diff(old, new).groups is None


def test_new_infinite_losses_are_a_term_of_their_own():
    y, p = np.array([1, 0] * 40), np.array([0.7, 0.2] * 40)
    bad = p.copy()
    bad[0] = 0.0
    old, new = logloss.measure(y, p, name="old"), logloss.measure(y, bad, name="new")
    moved = logloss.diff(old, new)
    assert moved.log_loss == moved.infinite_losses == math.inf
    assert moved.uncertainty == 0.0
    # What is left is the loss of the other rows, over all rows.
    rest = (79 / 80) * new.log_loss_where_finite - float(old.log_loss)
    assert moved.uncertainty - moved.discrimination + moved.miscalibration == pytest.approx(rest, abs=1e-15)
    text = repr(moved)
    # As many digits as the terms need to add up as printed, which depends on the draws of the overfitting.
    assert re.match(
        r"log loss 0\.2899\d+ → inf: \+inf\nnew: probability 0 for the observed class in 1 of 80 rows \(first: row 0\)",
        text,
    )
    assert re.search(r"\+ infinite losses\s+\+inf\s+0 → 1 row", text)
    assert json.loads(json.dumps(moved.to_dict(), allow_nan=False))["log_loss_change_nats"] == "inf"
    gone = logloss.diff(new, old)
    assert gone.log_loss == -math.inf
    both = logloss.diff(new, logloss.measure(y, bad, name="other"))
    assert math.isnan(both.log_loss)
    assert "both are infinite, so the difference is not defined" in repr(both)


def test_clusters_of_both_are_matched():
    """The same users in both months: their luck cancels, by brute force."""
    rng = np.random.default_rng(SEED)
    users = np.repeat(np.arange(100), 4)
    luck = np.repeat(rng.normal(0, 1, 100), 4)
    y = [(rng.random(400) < 1 / (1 + np.exp(-luck))).astype(np.uint8) for _ in range(2)]
    p = np.full(400, 0.5)
    p[::2] = 0.6
    months = [logloss.measure(labels, p, cluster=users, name=name) for labels, name in zip(y, "ab", strict=True)]
    moved = logloss.diff(*months)
    losses = [np.where(labels == 1, -np.log(p), -np.log1p(-p)) for labels in y]
    added = [np.bincount(users, loss - loss.mean()) / 400 for loss in losses]
    error = math.sqrt(float((added[1] - added[0]) @ (added[1] - added[0]))) * 100 / 99
    assert moved.is_paired
    # t of 99 degrees of freedom.
    assert moved.log_loss.high - moved.log_loss == pytest.approx(1.984217 * error, rel=1e-6)
    assert "clusters that occur in both measurements are matched" in repr(moved)
    # The uncertainty, by the same definition.
    base = [np.where(labels == 1, -math.log(labels.mean()), -math.log1p(-labels.mean())) for labels in y]
    added = [np.bincount(users, loss - loss.mean()) / 400 for loss in base]
    error = math.sqrt(float((added[1] - added[0]) @ (added[1] - added[0]))) * 100 / 99
    assert moved.uncertainty.high - moved.uncertainty == pytest.approx(1.984217 * error, rel=1e-6)


def test_two_that_share_rows_have_no_intervals():
    m = month(1, 200)
    moved = logloss.diff(m, m)
    assert (moved.log_loss, moved.psi) == (0.0, 0.0)
    assert moved.log_loss.reason == "the two share rows"
    assert "no change (no CI: the two share rows)" in repr(moved)


def test_the_stability_of_scores_is_that_of_deciles():
    """By hand: ten bins of a hundred old scores each, half a row more in each."""
    rng = np.random.default_rng(SEED)
    before, after = rng.random(1000), rng.random(800) ** 1.5
    y = rng.integers(0, 2, 1000)
    moved = logloss.diff(logloss.measure(y, before), logloss.measure(y[:800], after))
    edges = np.sort(before)[100::100]
    counts = [np.bincount(np.searchsorted(edges, scores, "right"), minlength=10) + 0.5 for scores in (before, after)]
    shares = [each / each.sum() for each in counts]
    expected = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    # A score between two old ones may fall to either side of an edge.
    assert moved.psi == pytest.approx(expected, rel=0.05)


def test_files_of_summaries_are_read(tmp_path, months):
    paths = [tmp_path / "old.logloss", tmp_path / "new.logloss"]
    for path, measured in zip(paths, months, strict=True):
        measured.save(path)
    assert logloss.diff(*map(logloss.load, paths)).to_dict() == logloss.diff(*months).to_dict()


def test_wrong_arguments_are_refused(months):
    other = logloss.measure(["yes", "no"] * 30, [0.6, 0.4] * 30, pos_label="yes")
    with pytest.raises(
        DataError, match='must have the same positive class: the old one has y_true = 1, the new one y_true = "yes"'
    ):
        logloss.diff(months[0], other)
    with pytest.raises(
        DataError, match=r"diff\(\) takes two measurements; got int\. Read a file with logloss\.load first"
    ):
        logloss.diff(months[0], 3)


def test_scores_of_two_scales_have_no_stability():
    y, p = np.array([1, 0] * 30), np.array([0.7, 0.2] * 30)
    moved = logloss.diff(logloss.measure(y, p), logloss.measure(y, y_logit=np.log(p / (1 - p)), name="b"))
    assert moved.to_dict()["psi_reason"] == "one holds probabilities, the other log-odds"
    assert "PSI" not in repr(moved)
