"""What the intervals, sequences and evidence of `compare` hold, by simulation; and what comparing costs.

usage: python benchmarks/comparing.py [REPETITIONS] [ROWS]

Coverage: the 95 % interval of the lead, of rows, weighted rows and clusters; of miscalibration and discrimination,
which a recalibration fitted on the same rows makes larger, what they are on average at that size. Peeking: how often
the truth leaves the sequence after any period; how often the evidence against the truth reaches 20 to 1; how often two
equally good forecasters are called clearly different. Speed: comparing two forecasts against measuring one, in turns.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np

import logloss
from logloss.comparison.sequential import LOG_OF_20
from logloss.onepass.run import available_cpus

N_PERIODS, ROWS_OF_A_PERIOD = 200, 3
ROUNDS = 9


def expit(logit):
    """The probability of some log-odds."""
    return 1 / (1 + np.exp(-logit))


def loss(truth, logit):
    """Expected loss of saying these log-odds where this is true."""
    return truth * np.logaddexp(0, -logit) + (1 - truth) * np.logaddexp(0, logit)


def sample(random, kind: str, centre: float, n_rows: int):
    """(Labels, logits of the right forecast, of one that is stretched and noisy, options of `compare`)."""
    options = {}
    if kind == "clustered":
        n_clusters = n_rows // 10
        logit = centre + np.repeat(random.normal(0, 0.85, n_clusters), 10) + random.normal(0, 0.85, n_clusters * 10)
        luck = np.repeat(random.random(n_clusters), 10)
        noise = np.repeat(random.normal(0, 0.3, n_clusters), 10)
        options["cluster"] = np.repeat(np.arange(n_clusters), 10)
    else:
        logit, luck, noise = random.normal(centre, 1.2, n_rows), random.random(n_rows), random.normal(0, 0.3, n_rows)
        if kind == "weighted":
            options["sample_weight"] = random.lognormal(0, 0.7, n_rows)
    return (luck < expit(logit)).astype(np.uint8), logit, 1.2 * logit + noise, options


def turned(contest, estimate):
    """(Value, low, high) of b's figure less a's, whichever is better."""
    if contest.better == "a":
        return float(estimate), estimate.low, estimate.high
    return -float(estimate), -estimate.high, -estimate.low


def coverage(random, repetitions: int) -> None:
    """Per cent of the intervals that hold what they should."""
    for kind in ("rows", "weighted", "clustered"):
        for centre in (0.0, -2.6):
            _, one, other, options = sample(random, kind, centre, 2_000_000)
            gap = loss(expit(one), other) - loss(expit(one), one)
            right = float(np.average(gap, weights=options.get("sample_weight")))
            for n_rows in (200, 2000, 20_000):
                if n_rows * expit(centre) < 15:
                    continue
                found = []
                for _ in range(repetitions):
                    y, a, b, options = sample(random, kind, centre, n_rows)
                    found.append(logloss.compare(y, y_logit={"a": a, "b": b}, **options).contest)
                found = [contest for contest in found if contest.lead.has_interval]
                held = np.mean([low <= right <= high for _, low, high in (turned(c, c.lead) for c in found)])
                text = f"{kind}, centre {centre}, {n_rows:6,} rows, {len(found)} samples: lead {100 * held:.1f}"
                for name in ("miscalibration", "discrimination"):
                    parts = [turned(c, getattr(c, name)) for c in found]
                    if not np.isnan(parts[0][1]):
                        mean = np.mean([part[0] for part in parts])
                        text += f"  {name} {100 * np.mean([low <= mean <= high for _, low, high in parts]):.1f}"
                print(text, flush=True)


def peeking(random, repetitions: int) -> None:
    """How often looking after every period is misled."""
    for kind in ("fair", "biased", "extreme", "fair, weighted"):
        left = clear = refuted = 0
        for _ in range(repetitions):
            n_rows = N_PERIODS * ROWS_OF_A_PERIOD
            a = random.normal(0, 1, n_rows)
            b = a + random.normal(0, 0.5, n_rows)
            if kind == "extreme":
                a, b = np.full(n_rows, 18.4), np.full(n_rows, -18.4)
            fair = (np.logaddexp(0, a) - np.logaddexp(0, b)) / (a - b)
            truth = fair
            if kind == "biased":
                truth = np.clip(fair + random.uniform(-0.3, 0.3, n_rows), 0.01, 0.99)
            day = np.repeat(np.arange(N_PERIODS), ROWS_OF_A_PERIOD)
            options = {"sample_weight": random.lognormal(0, 0.7, n_rows)} if "weighted" in kind else {}
            weight = options.get("sample_weight", np.ones(n_rows))
            y = (random.random(n_rows) < truth).astype(np.uint8)
            contest = logloss.compare(y, y_logit={"a": a, "b": b}, order=day, **options).contest
            table = contest.course.table
            sign = 1 if contest.better == "a" else -1
            gap = sign * np.cumsum(weight * (loss(truth, b) - loss(truth, a)))[ROWS_OF_A_PERIOD - 1 :: ROWS_OF_A_PERIOD]
            expected = gap / np.cumsum(weight)[ROWS_OF_A_PERIOD - 1 :: ROWS_OF_A_PERIOD]
            left += bool(((np.array(table["low"]) > expected) | (np.array(table["high"]) < expected)).any())
            clear += contest.course.clear_since != ""
            # The evidence against a is put to the test where a is the truth.
            y = (random.random(n_rows) < expit(a)).astype(np.uint8)
            contest = logloss.compare(y, y_logit={"a": a, "b": b}, order=day, **options).contest
            evidence = np.array(contest.course.table["log_evidence_nats"]) * (-1 if contest.better == "a" else 1)
            refuted += bool((evidence >= LOG_OF_20).any())
        shares = [f"{100 * count / repetitions:.2f}" for count in (left, clear, refuted)]
        print(
            f"{kind}, {repetitions} runs of {N_PERIODS} periods: the truth left the sequence in {shares[0]} %, called "
            f"clear {shares[1]} % (equally good: {kind != 'biased'}), evidence of 20 against the truth {shares[2]} %",
            flush=True,
        )


def speed(random, n_rows: int) -> None:
    """Comparing two forecasts over measuring one."""
    proba = random.random(n_rows)
    labels = (random.random(n_rows) < proba).astype(np.uint8)
    other = expit(np.log(proba / (1 - proba)) + random.normal(0, 0.3, n_rows))
    columns = {"order": random.integers(0, 1000, n_rows), "by": random.integers(0, 30, n_rows)}
    columns["cluster"] = random.integers(0, 3000, n_rows)
    runs = {"compare": lambda: logloss.compare(labels, {"a": proba, "b": other})}
    for name, column in columns.items():
        options = {name: column}
        runs[f"compare {name}="] = lambda options=options: logloss.compare(labels, {"a": proba, "b": other}, **options)
    seconds: dict[str, list[float]] = {name: [] for name in ("measure", *runs)}
    for round_number in range(ROUNDS + 1):
        for name, run in {"measure": lambda: logloss.measure(labels, proba), **runs}.items():
            began = time.perf_counter()
            run()
            if round_number:
                seconds[name].append(time.perf_counter() - began)
    print(f"{n_rows:,} rows, {available_cpus()} threads, medians of {ROUNDS} rounds")
    for name, times in seconds.items():
        ratio = statistics.median(t / m for t, m in zip(times, seconds["measure"], strict=True))
        print(f"{name:20} {1e3 * statistics.median(times):8.0f} ms   {ratio:5.2f} × measure")


def main() -> None:
    """Print all three."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    n_rows = int(float(sys.argv[2])) if len(sys.argv) > 2 else 10**7
    speed(np.random.default_rng(1), n_rows)
    peeking(np.random.default_rng(2), repetitions)
    coverage(np.random.default_rng(3), repetitions)


if __name__ == "__main__":
    main()
