"""Compares many queries with the index images of their predicted landmarks: parallel, and resumable by parts."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from delf_verify.comparison_plan import Comparison, cut_into_parts, layout_digest
from delf_verify.config import VerifyConfig
from delf_verify.early_stop import verify_until_confirmed
from delf_verify.evidence import QueryEvidence, verify_query
from delf_verify.evidence_rows import write_rows
from delf_verify.feature_store import FeatureStore
from delf_verify.matching import AggregatedIndex
from delf_verify.parallel import ordered_map
from tfrecords_builder import terminal
from tfrecords_builder.atomic import atomic_write, forget_partials

Found = list[tuple[str, QueryEvidence]]


class CompareWork:
    """Compares; lives in a worker process and keeps the index of the last images.

    Args:
        queries: features of the queries.
        index: features of the index images.
        config: matching, geometry and when to stop.
    """

    def __init__(self, queries: FeatureStore, index: FeatureStore, config: VerifyConfig) -> None:
        self._queries, self._index, self._config = queries, index, config
        self._last: tuple[tuple[str, ...], AggregatedIndex] | None = None

    def __call__(self, comparison: Comparison) -> Found:
        """The evidence on each of the queries, in their order."""
        return [
            (query_id, self._evidence(query_id, comparison, number))
            for number, query_id in enumerate(comparison.query_ids)
        ]

    def _evidence(self, query_id: str, comparison: Comparison, number: int) -> QueryEvidence:
        query, index = self._queries.get(query_id), self.index_of(query_id, comparison.image_ids)
        if not self._config.stop_early:
            return verify_query(query, index, self._config)
        score = comparison.scores[number] if comparison.scores else float("nan")
        return verify_until_confirmed(query, index, self._config, score)

    def index_of(self, query_id: str, image_ids: tuple[str, ...]) -> AggregatedIndex:
        """The index of these images, without the query itself should it be one of them."""
        if query_id in image_ids:
            # A photograph confirms itself with all its features and says nothing about the landmark.
            return self._load(tuple(image_id for image_id in image_ids if image_id != query_id))
        if self._last is None or self._last[0] != image_ids:
            self._last = image_ids, self._load(image_ids)
        return self._last[1]

    def _load(self, image_ids: tuple[str, ...]) -> AggregatedIndex:
        return AggregatedIndex(image_ids, [self._index.get(image_id) for image_id in image_ids])


@dataclass(frozen=True)
class MakeCompareWork:
    """Builds `CompareWork` within a worker process.

    Attributes:
        query_features: folder of the queries' feature store.
        index_features: folder of the index images' feature store.
        fingerprint: of the extractor.
        config: matching, geometry and when to stop.
    """

    query_features: Path
    index_features: Path
    fingerprint: str
    config: VerifyConfig

    def __call__(self) -> CompareWork:
        """See the class."""
        queries, index = (FeatureStore(path, self.fingerprint) for path in (self.query_features, self.index_features))
        return CompareWork(queries, index, self.config)


class Parts:
    """The pieces of a plan and their finished results, a file each; whoever fills them, the bytes are the same.

    Args:
        folder: of the verification.
        fingerprint: of everything that the evidence depends on; pieces of another one are not these.
        plan: from `plan_comparisons`.

    Attributes:
        folder: where the files are.
        pieces: the comparisons of each part.
    """

    def __init__(self, folder: Path, fingerprint: str, plan: Sequence[Comparison]) -> None:
        self.pieces = cut_into_parts(plan)
        # Other releases may cut otherwise, and their number 7 is not ours.
        self.folder = folder / f"parts-{fingerprint[:16]}-{layout_digest(self.pieces)[:8]}"

    def path(self, number: int) -> Path:
        """The file of a part."""
        return self.folder / f"{number:06d}.csv"

    def waiting(self) -> list[int]:
        """The parts that are not finished."""
        done = {path.name for path in self.folder.glob("*.csv")}
        return [number for number in range(len(self.pieces)) if self.path(number).name not in done]

    def write(self, number: int, results: Sequence[Found]) -> None:
        """Writes the results of a part's comparisons, whole or not at all."""
        write_part(self.path(number), self.pieces[number], results)

    def texts(self) -> Iterator[str]:
        """The content of all parts, in their order.

        Raises:
            OSError: one is not finished.
        """
        for number in range(len(self.pieces)):
            with self.path(number).open(newline="", encoding="utf-8") as file:
                yield file.read()


def write_part(path: Path, piece: Sequence[Comparison], results: Sequence[Found]) -> None:
    """Writes the results of a part's comparisons, whole or not at all."""
    with atomic_write(path, newline="") as file:
        for comparison, found in zip(piece, results, strict=True):
            write_rows(file, comparison.landmark_id, found)


def compare(parts: Parts, make_work: MakeCompareWork, *, workers: int) -> None:
    """Finishes all parts.

    Args:
        parts: of the plan.
        make_work: what compares.
        workers: processes.

    Raises:
        RuntimeError: a worker process died.
    """
    waiting = parts.waiting()
    forget_partials(parts.folder)
    numbers = [sum(len(comparison.query_ids) for comparison in piece) for piece in parts.pieces]
    todo = chain.from_iterable(parts.pieces[number] for number in waiting)
    with terminal.progress("verify", sum(numbers), unit="predictions") as bar:
        bar.skip(sum(numbers) - sum(numbers[number] for number in waiting))
        with ordered_map(make_work, todo, workers=workers) as results:
            for number in waiting:
                found = []
                for one in islice(results, len(parts.pieces[number])):
                    found.append(one)
                    bar.advance(len(one))
                parts.write(number, found)


def forget_parts(folder: Path, *, but: Path | None = None) -> None:
    """Removes the parts of finished or outdated work."""
    for old in folder.glob("parts-*"):
        if old != but:
            shutil.rmtree(old)
