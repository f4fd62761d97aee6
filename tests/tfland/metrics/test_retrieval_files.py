"""Retrieval submissions beside solutions, against the host's loop."""

from pathlib import Path

import numpy as np
import pytest

from tfland.metrics.retrieval_files import load_retrieved

SOLUTION = "id,images,Usage\nq1,a b,Public\nq2,c,Private\nq3,None,Ignored\n"


def write(folder: Path, predictions: str, solution: str = SOLUTION) -> tuple[Path, Path]:
    (folder / "p.csv").write_text("id,images\n" + predictions)
    (folder / "s.csv").write_text(solution)
    return folder / "p.csv", folder / "s.csv"


def test_scores_by_hand(tmp_path: Path) -> None:
    figures = load_retrieved(*write(tmp_path, "q2,x c\nq1,a x b\nq3,z\n")).figures()
    assert figures["map_at_100"] == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2) / 2)
    assert figures["map_at_100_public"] == pytest.approx((1 + 2 / 3) / 2)
    assert figures["map_at_100_private"] == pytest.approx(1 / 2)
    assert figures["precision_at_5"] == pytest.approx((2 / 5 + 1 / 5) / 2)
    assert (figures["queries"], figures["queries_public"]) == (2, 1)


def test_a_repeated_result_takes_its_rank_and_counts_once(tmp_path: Path) -> None:
    retrieved = load_retrieved(*write(tmp_path, "q1,a a b\nq2,\n"))
    assert retrieved.relevant[0, :4].tolist() == [True, False, True, False]
    assert retrieved.average_precisions() == pytest.approx([(1 + 2 / 3) / 2, 0])


def test_a_missing_query_found_nothing(tmp_path: Path) -> None:
    assert load_retrieved(*write(tmp_path, "q1,a b\n")).figures()["map_at_100"] == 0.5


def test_results_past_the_hundredth_do_not_count(tmp_path: Path) -> None:
    found = " ".join(f"n{number}" for number in range(99))
    assert load_retrieved(*write(tmp_path, f"q1,{found} x a\nq2,{found} c\n")).average_precisions().tolist() == [
        0,
        0.01,
    ]


@pytest.mark.parametrize("seed", range(10))
def test_against_the_hosts_loop(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"i{number}" for number in range(40)]
    answers = {f"q{n}": rng.choice(names, rng.integers(1, 9), replace=False).tolist() for n in range(15)}
    results = {query: rng.choice(names, rng.integers(0, 30)).tolist() for query in rng.permutation(list(answers))[:12]}
    solution = "id,images,Usage\n" + "".join(f"{query},{' '.join(ids)},Public\n" for query, ids in answers.items())
    predictions = "".join(f"{query},{' '.join(ids)}\n" for query, ids in results.items())
    total = 0.0
    for query, found in results.items():
        used, hits, precision = set(), 0, 0.0
        for rank, name in enumerate(found[:100], start=1):
            if name not in used and name in answers[query]:
                hits += 1
                precision += hits / rank
            used.add(name)
        total += precision / min(len(answers[query]), 100)
    figures = load_retrieved(*write(tmp_path, predictions, solution)).figures()
    assert figures["map_at_100"] == pytest.approx(total / len(answers))


@pytest.mark.parametrize(
    ("predictions", "solution", "message"),
    [
        ("q1,a\nq1,b\n", SOLUTION, "line 3: id 'q1' is already on line 2"),
        ("q9,a\n", SOLUTION, "line 2: query 'q9' is not in the solution"),
        ("q1,a\n", "id,images,Usage\nq1,,Public\n", "line 2: query 'q1' has no right photograph"),
        ("q1,a\n", "id,images,Usage\nq1,a,Test\n", "Usage 'Test' is none of"),
        ("q1,a\n", "id,images,Usage\nq1,None,Ignored\n", "nothing to score"),
    ],
)
def test_refusals(tmp_path: Path, predictions: str, solution: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_retrieved(*write(tmp_path, predictions, solution))
