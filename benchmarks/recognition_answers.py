"""All ways to answer from one pass of the networks over the queries, and the tables of them.

Used by `recognition_quality.py`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tfland.metrics.bootstrap import bootstrap, paired_bootstrap
from tfland.metrics.gap import Truth
from tfland.metrics.judged import Judged, Predictions, judge
from tfland.recognition.methods import recognise
from tfland.recognition.observe import GATE, NO_LANDMARK, SEEN, Observations
from tfland.recognition.ranking_config import RankingConfig
from tfland.recognition.system import Member, System
from tfland.recognition.system_config import Method
from tfrecords_builder.schema import ID, LANDMARK, SCORE

PLAIN = RankingConfig(quantile=False, index_penalty=False, query_penalty=False)
RECIPE = RankingConfig()
LITERAL = "the recipe, literally in NumPy"
# The steps one after the other, then the recipe without each of them.
RANKINGS = {
    "top 3 of the index, summed by landmark": PLAIN,
    "+ B": replace(PLAIN, index_penalty=True),
    "+ C": replace(PLAIN, query_penalty=True),
    "+ B + C": replace(RECIPE, quantile=False),
    "+ B + C + quantile: method ranked, the recipe": RECIPE,
    "the recipe without B": replace(RECIPE, index_penalty=False),
    "the recipe without C": replace(RECIPE, query_penalty=False),
    "the recipe without B and C": replace(PLAIN, quantile=True),
    "the recipe, of the nearest photograph only": replace(RECIPE, top_index=1),
}
COLUMNS = ("softmax", "ArcFace", "both", "both, per model")

# GAP's ingredients by column and row.
Table = dict[tuple[str, str], Judged]


def fill(table: Table, column: str, system: System, seen: Observations, truth: Truth) -> None:
    """All ways to answer of one classifier."""
    methods: tuple[Method, ...] = ("head", "knn", "blend")
    for method in methods:
        table[column, f"method {method}"] = ask(system, seen, truth, method=method)
    for row, ranking in RANKINGS.items():
        table[column, row] = ask(system, seen, truth, method="ranked", ranking=ranking)
    member = system.members[0]
    queries = [seen.vectors[member.neighbors_name(number)] for number in range(len(member.models))]
    index = [part.vectors for part in member.index]
    marks, scores = literally(queries, index, np.asarray(member.index[0].landmark_ids), member.non_landmarks)
    answers = Predictions(ids=np.array(list(truth), dtype=object), landmark_ids=marks, scores=scores)
    table[column, LITERAL] = judge(answers, truth)
    if GATE in seen.vectors:
        kept = behind_gate(seen)
        table[column, "method head, behind the gate"] = ask(system, kept, truth, method="head")
        table[column, "the recipe, behind the gate"] = ask(system, kept, truth, method="ranked")


def literally(queries: Sequence, index: Sequence, landmark_ids: np.ndarray, pools: Sequence) -> tuple:
    """The steps of seed 001, sections 2.4 and 2.5, with all pairs in memory; landmark and score of each query."""
    from sklearn.preprocessing import QuantileTransformer

    def unit(rows: np.ndarray) -> np.ndarray:
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    sides = (queries, index, [pool.vectors for pool in pools])
    joined = [np.concatenate([unit(np.asarray(part, np.float64)) for part in side], axis=1) for side in sides]
    count = min(1000, len(joined[0]))
    transform = QuantileTransformer(n_quantiles=count, output_distribution="normal", random_state=0).fit(joined[0])
    q, x, z = (unit(transform.transform(part)) for part in joined)
    b = np.sort(x @ z.T, axis=1)[:, -5:].mean(axis=1)
    c = np.sort(q @ z.T, axis=1)[:, -10:].mean(axis=1)
    similar = np.clip(q @ x.T, 0, 1) - b
    marks, scores = np.empty(len(q), np.int64), np.empty(len(q))
    for row, values in enumerate(similar):
        sums: Counter[int] = Counter()
        for place in np.argsort(-values, kind="stable")[:3]:
            sums[int(landmark_ids[place])] += values[place]
        marks[row], total = max(sums.items(), key=lambda item: item[1])
        scores[row] = total - c[row]
    return marks, scores


def ask(
    system: System, seen: Observations, truth: Truth, *, method: Method = "head", ranking: RankingConfig = RECIPE
) -> Judged:
    """The best landmark of each query by a method, and whether it is right."""
    config = replace(system.config, method=method, ranking=ranking)
    found = recognise(replace(system, config=config), seen)
    ids, marks, scores = (found[name].to_numpy() for name in (ID, LANDMARK, SCORE))
    return judge(Predictions(ids=ids, landmark_ids=marks, scores=scores), truth)


def alone(system: System, number: int) -> System:
    """The system with one of its models only."""
    part, one = system.members[0], slice(number, number + 1)
    member = Member(
        number=0,
        name=part.name,
        models=part.models[one],
        index=part.index[one],
        non_landmarks=part.non_landmarks[one],
    )
    return replace(system, members=[member])


def alone_seen(seen: Observations, number: int) -> Observations:
    """What was seen by that model, and by the gate."""
    vectors = {name: seen.vectors[name] for name in (GATE,) if name in seen.vectors}
    vectors |= {f"{kind}_0_0": seen.vectors[f"{kind}_0_{number}"] for kind in ("head", "neighbors")}
    return replace(seen, vectors=vectors)


def behind_gate(seen: Observations) -> Observations:
    """Without the queries that the gate keeps back at 0.5, the threshold of seed 000."""
    passed = (np.asarray(seen.status) == SEEN) & (seen.vectors[GATE][:, 0] >= 0.5)
    return replace(seen, status=np.where(passed, SEEN, NO_LANDMARK).astype(np.uint8))


def print_gaps(tables: Sequence[Table]) -> None:
    """GAP of every row and column: the mean over the seeds, and the smallest and largest."""
    print(f"\n| GAP: mean over seeds (smallest to largest) | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
    for row in dict.fromkeys(row for _, row in tables[0]):
        cells = []
        for column in COLUMNS:
            values = [_gap(table[column, row]) for table in tables if (column, row) in table]
            cells.append(f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})" if values else "")
        print(f"| {row} | " + " | ".join(cells) + " |")


def print_differences(tables: Sequence[Table], resamples: int) -> None:
    """GAP minus that of the literal recipe with the same model or models."""
    print(
        "\n| GAP minus the literal recipe's: mean over seeds [95 % interval] (seeds) | softmax | ArcFace | both |\n"
        "|---|---|---|---|"
    )
    for row in dict.fromkeys(row for _, row in tables[0] if row != LITERAL):
        cells = [_difference(tables, (column, row), (column, LITERAL), resamples) for column in COLUMNS[:3]]
        print(f"| {row} | " + " | ".join(cells) + " |")
    for row in ("+ B + C", "+ B + C + quantile: method ranked, the recipe"):
        cell = _difference(tables, (COLUMNS[3], row), ("both", LITERAL), resamples)
        print(f"| {row}, per model | | | {cell} |")


def _difference(tables: Sequence[Table], of: tuple[str, str], to: tuple[str, str], resamples: int) -> str:
    """Mean over the seeds, with a paired bootstrap interval, and every seed's own.

    A resample draws the same queries for both rankings and for all seeds; the interval is about the queries, the
    seeds' own values show what training adds.
    """
    pairs = [(table[to], table[of]) for table in tables if of in table]
    if not pairs:
        return ""
    # One resample a call, so that the draws of the seeds can be averaged: its interval is the draw itself.
    draws = [
        np.mean([paired_bootstrap(*pair, seed=number, resamples=1)["gap"].low for pair in pairs])
        for number in range(resamples)
    ]
    own = [_gap(second) - _gap(first) for first, second in pairs]
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{np.mean(own):+.3f} [{low:+.3f}, {high:+.3f}] ({', '.join(f'{value:+.3f}' for value in own)})"


def _gap(judged: Judged) -> float:
    return bootstrap(judged, seed=0, resamples=1)["gap"].value
