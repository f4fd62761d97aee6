"""The steps of one verification: what is extracted, what is compared, what is decided; whoever does the work."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from delf_verify import verified_files as files
from delf_verify.comparison_job import MakeCompareWork, Parts
from delf_verify.comparison_plan import Comparison, IndexChoice, plan_comparisons, plan_digest
from delf_verify.config import VerifyConfig
from delf_verify.decision import Verdict, decide_table, probabilities
from delf_verify.evidence import QueryEvidence, QuerySummary
from delf_verify.evidence_rows import DECIMALS, Key, sum_up
from delf_verify.photograph_sizes import sizes_digest
from delf_verify.reasons import explain
from tfrecords_builder.images import ImageRefused
from tfrecords_builder.schema import ID, LANDMARK, NO_LANDMARK_ID, REASON, SCORE

# Raised whenever the same settings would give other evidence.
_VERSION = 3
ROLES = ("query", "index")


@dataclass(kw_only=True)
class VerifyJob:
    """What the steps of one verification share.

    Attributes:
        predictions: columns id, landmark_id (-1: no prediction) and score; a row a query and landmark.
        choice: the index images of every prediction.
        folders: of the feature stores of queries and index images.
        fingerprint: of the extractor.
        config: how to verify.
        out_dir: for the results.
        refused: role -> id -> why a photograph cannot be read; known once features were extracted, and the steps
            below need it.
        sizes: role -> id -> bytes of a photograph, where known; likewise.
    """

    predictions: pd.DataFrame
    choice: IndexChoice
    folders: tuple[Path, Path]
    fingerprint: str
    config: VerifyConfig
    out_dir: Path
    refused: dict[str, dict[str, ImageRefused]] = field(default_factory=dict)
    sizes: dict[str, dict[str, int]] = field(default_factory=dict)

    @cached_property
    def comparable(self) -> pd.DataFrame:
        """The predictions whose landmark has index images."""
        return self.predictions[self.predictions[LANDMARK].isin(list(self.choice.by_landmark))]

    def wanted(self, role: str) -> list[str]:
        """The photographs of a role whose features are needed, each once."""
        if role == "query":
            return list(dict.fromkeys(self.comparable[ID]))
        keys = zip(self.comparable[ID], self.comparable[LANDMARK], strict=True)
        return sorted({image_id for query, landmark in keys for image_id in self.choice.of(query, landmark)})

    @cached_property
    def plan(self) -> list[Comparison]:
        """What has to be compared."""
        calibrated = self.config.thresholds.confirmed_probability is not None
        with_scores = self.config.stop_early and calibrated
        return plan_comparisons(self.comparable, self.choice, self.refused, with_scores=with_scores)

    @cached_property
    def evidence_fingerprint(self) -> str:
        """Of everything that the counted inliers depend on."""
        # The same id may stand for another photograph, whose features were made anew.
        sizes = {role: sizes_digest(by_id) for role, by_id in self.sizes.items()}
        content = [_VERSION, self.fingerprint, self.config.evidence_settings(), plan_digest(self.plan), sizes]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def parts(self) -> Parts:
        """The pieces of the plan."""
        return Parts(self.out_dir, self.evidence_fingerprint, self.plan)

    @property
    def make_work(self) -> MakeCompareWork:
        """What compares."""
        return MakeCompareWork(*self.folders, self.fingerprint, self.config)

    def decide(self, found: Iterable[tuple[Key, QueryEvidence]]) -> pd.DataFrame:
        """The table of verified.csv.

        Args:
            found: the evidence by (query, landmark), each once; read as a stream.

        Raises:
            ValueError: it is not the evidence of this plan.
        """
        summary = sum_up(found, self.predictions)
        table = pd.concat([self.predictions[[ID, LANDMARK, SCORE]], summary], axis=1)
        thresholds = self.config.thresholds
        table["probability"] = np.round(probabilities(table, thresholds), DECIMALS)
        table["verdict"] = decide_table(table, thresholds)
        table[REASON] = [self._reason(row) for row in table.itertuples(index=False)]
        return table[files.VERIFIED_COLUMNS]

    def _reason(self, row: Any) -> str:
        verdict = Verdict(row.verdict)
        if verdict is Verdict.UNVERIFIED:
            return self._why_not(row.id, row.landmark_id)
        counts = (row.images_compared, row.max_inliers, row.mean_inliers, row.best_image_id)
        summary = QuerySummary(*counts, row.inlier_ratio, row.spread)
        return explain(summary, verdict, self.config.thresholds, row.probability)

    def _why_not(self, query_id: str, landmark_id: int) -> str:
        """Why a prediction was not compared with anything."""
        if landmark_id == NO_LANDMARK_ID:
            return "no prediction was made"
        if landmark_id not in self.choice.by_landmark:
            return f"landmark {landmark_id} has no index image"
        if query_id in self.refused["query"]:
            return f"the query cannot be read: {self.refused['query'][query_id]}"
        others = [image_id for image_id in self.choice.of(query_id, landmark_id) if image_id != query_id]
        if not others:
            return f"the only index image of landmark {landmark_id} is the query itself"
        reasons = [self.refused["index"].get(image_id) for image_id in others]
        if None in reasons:
            raise ValueError(
                f"the evidence on query {query_id!r} and landmark {landmark_id} is lost: delete "
                f"{self.out_dir / files.RECORD_FILE} and run tfland verify again"
            )
        return f"none of the {len(others)} index images of landmark {landmark_id} can be read: {reasons[0]}"

    def record(self, table: pd.DataFrame, given: Mapping[str, str]) -> dict[str, Any]:
        """The content of verify.json.

        Args:
            table: of `decide`.
            given: what a person gave: features, queries and index_images.
        """
        counts = table["verdict"].value_counts()
        return {
            "version": _VERSION,
            **given,
            "query_features": files.place_of(self.folders[0], self.out_dir),
            "index_features": files.place_of(self.folders[1], self.out_dir),
            "extractor": self.fingerprint,
            "evidence": self.evidence_fingerprint,
            "settings": asdict(self.config),
            "predictions": len(table),
            "verdicts": {verdict.value: int(counts.get(verdict.value, 0)) for verdict in Verdict},
            "refused": {role: len(by_id) for role, by_id in self.refused.items()},
        }
