"""Files of the Google Landmark Retrieval challenges: submissions (`id,images`) and solutions (`id,images,Usage`)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tfland.metrics.retrieval import MAP_AT, average_precisions, retrieval_scores
from tfland.metrics.scores import IGNORED
from tfrecords_builder.catalog import read_ids
from tfrecords_builder.csv_table import first_bad, line_of, read_columns
from tfrecords_builder.schema import ID, IMAGES, USAGE

_USAGES = ("Public", "Private", IGNORED)


@dataclass(frozen=True, kw_only=True)
class Retrieved:
    """Results of retrieval beside their solution.

    Attributes:
        queries: [Q] str, the queries that are scored.
        usages: [Q] str.
        relevant: [Q, 100] bool, whether the k-th result is right.
        num_relevant: [Q] int64, index photographs that are right.
    """

    queries: np.ndarray
    usages: np.ndarray
    relevant: np.ndarray
    num_relevant: np.ndarray

    def average_precisions(self) -> np.ndarray:
        """Returns [Q] float64, each query's average precision among its first 100 results."""
        return average_precisions(self.relevant, self.num_relevant)

    def figures(self) -> dict[str, float]:
        """Returns the scores of all queries and, where both occur, of each Usage, such as "map_at_100_private"."""
        found = retrieval_scores(self.relevant, self.num_relevant)
        names = np.unique(self.usages.astype(str))
        for usage in names[::-1] if len(names) > 1 else ():
            part = self.usages == usage
            scores = retrieval_scores(self.relevant[part], self.num_relevant[part])
            found |= {f"{name}_{usage.lower()}": value for name, value in scores.items()}
        return found


def load_retrieved(predictions: Path, solution: Path) -> Retrieved:
    """Returns a retrieval submission beside its solution.

    A photograph that a query names again counts as a wrong result there, as in the host's scoring code.

    Args:
        predictions: `id,images`: ids of index photographs separated by spaces, best first. A query may be missing.
        solution: `id,images,Usage`: all right index photographs; rows of Usage Ignored (images "None") are left out.

    Raises:
        OSError: a file is missing.
        ValueError: a file is not as described, an id is repeated or not in the solution, or nothing is scored.
    """
    answers = _read_solution(solution)
    scored = answers[answers[USAGE] != IGNORED]
    if scored.empty:
        raise ValueError(f"{solution}: every query's Usage is {IGNORED}, so there is nothing to score")
    results = read_columns(predictions, [ID, IMAGES])
    read_ids(predictions, results)
    row = first_bad(results[ID].isin(answers[ID]))
    if row is not None:
        raise ValueError(
            f"{predictions}, line {line_of(row)}: query {results[ID].iloc[row]!r} is not in the solution: "
            "predictions and solution belong together"
        )
    results = results[~results[ID].isin(answers.loc[answers[USAGE] == IGNORED, ID])]
    relevant = np.zeros((len(scored), MAP_AT), dtype=bool)
    row_of = pd.Index(scored[ID])
    rows, ranks, right = _judge(row_of.get_indexer(results[ID]), results[IMAGES], scored[IMAGES])
    relevant[rows[right], ranks[right]] = True
    return Retrieved(
        queries=scored[ID].to_numpy(dtype=object),
        usages=scored[USAGE].to_numpy(dtype=object),
        relevant=relevant,
        num_relevant=scored[IMAGES].map(lambda cell: len(set(cell.split()))).to_numpy(np.int64),
    )


def _judge(rows: np.ndarray, results: pd.Series, answers: pd.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns query, rank (from 0) and rightness of every result among the first 100: [R] int, [R] int, [R] bool.

    Args:
        rows: [P] int, the query (a place in `answers`) of each cell of results.
        results: [P] str, ids separated by spaces, best first.
        answers: [Q] str, ids separated by spaces.
    """
    lists = [cell.split()[:MAP_AT] for cell in results.tolist()]
    truths = [cell.split() for cell in answers.tolist()]
    counts, true_counts = (np.array([len(names) for names in cells], dtype=np.int64) for cells in (lists, truths))
    of_result, of_truth = np.repeat(rows, counts), np.repeat(np.arange(len(truths)), true_counts)
    ranks = np.arange(len(of_result)) - np.repeat(np.cumsum(counts) - counts, counts)
    names = [name for cells in (lists, truths) for found in cells for name in found]
    codes, known = pd.factorize(np.array(names, dtype=object))
    # One number for a query and a photograph together.
    pairs = np.concatenate([of_result, of_truth]) * max(len(known), 1) + codes
    found, true = pairs[: len(of_result)], pairs[len(of_result) :]
    is_first = np.zeros(len(found), dtype=bool)
    is_first[np.unique(found, return_index=True)[1]] = True
    return of_result, ranks, np.isin(found, true) & is_first


def _read_solution(path: Path) -> pd.DataFrame:
    table = read_columns(path, [ID, IMAGES, USAGE])
    read_ids(path, table)
    row = first_bad(table[USAGE].isin(_USAGES))
    if row is not None:
        raise ValueError(
            f"{path}, line {line_of(row)}: Usage {table[USAGE].iloc[row]!r} is none of {', '.join(_USAGES)}"
        )
    row = first_bad((table[USAGE] == IGNORED) | (table[IMAGES].str.strip() != ""))
    if row is not None:
        raise ValueError(
            f"{path}, line {line_of(row)}: query {table[ID].iloc[row]!r} has no right photograph; its Usage should be "
            f"{IGNORED}"
        )
    return table
