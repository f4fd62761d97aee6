"""Verifies predictions: a table of predicted landmarks in, a verdict with its evidence for each of them out."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from delf_verify import verified_files as files
from delf_verify.comparison_job import (
    Comparison,
    Evidence,
    MakeCompareWork,
    choose_index_images,
    compare,
    forget_parts,
    plan_comparisons,
)
from delf_verify.config import VerifyConfig, default_config
from delf_verify.decision import Verdict, decide_table
from delf_verify.evidence import QueryEvidence
from delf_verify.evidence import verify_query as verify_query
from delf_verify.extract import load_extractor
from delf_verify.feature_job import extract_missing
from delf_verify.feature_store import FeatureStore
from delf_verify.features import Extractor
from delf_verify.reasons import explain
from delf_verify.sources import PhotographSource
from tfrecords_builder.images import ImageRefused
from tfrecords_builder.schema import ID, LANDMARK, NO_LANDMARK_ID, REASON, SCORE

# Raised whenever the same settings would give other evidence.
_VERSION = 2
# A slow network loses little when it is killed.
_IMAGES_PER_SHARD = 32
_NOTHING = QueryEvidence.of(())
_ROLES = ("query", "index")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """Photographs and where they came from.

    Attributes:
        source: opens them.
        name: what a person gave (a folder or a pattern); kept in verify.json, so that a report finds them again.
        features: folder of their feature store; None keeps it within the verification's folder. Several
            verifications against one index share it.
    """

    source: PhotographSource
    name: str
    features: Path | None = None


def verify_batch(
    *,
    predictions: pd.DataFrame,
    index: pd.DataFrame,
    queries: Photographs,
    index_images: Photographs,
    features: str,
    out_dir: Path,
    config: VerifyConfig | None = None,
    workers: int = 1,
) -> pd.DataFrame:
    """Returns the table of verified.csv and writes the files that `delf_verify.verified_files` describes.

    Every prediction's query is compared with the index images of its landmark (never with itself). It is unverified
    where nothing could be compared: an empty prediction, a landmark without index images, a query or index photograph
    that cannot be read. A query in which no features are found was compared: it has 0 inliers.

    Killed and called again it goes on; called again with other thresholds it decides anew from the same evidence.
    Features are kept by image id: if a photograph is replaced by another one, use a new folder.

    Args:
        predictions: columns id, landmark_id (-1: no prediction) and score; several landmarks a query are allowed and
            each is verified.
        index: columns id and landmark_id.
        queries: their photographs.
        index_images: theirs.
        features: "sift" or "delf:DIR".
        out_dir: for the results.
        config: None takes `default_config(features)`.
        workers: processes; the results do not depend on them.

    Returns:
        Columns as in `verified_files.VERIFIED_COLUMNS`, in the order of the predictions.

    Raises:
        ValueError: a column is missing, a prediction is repeated, or the features or thresholds of another extractor
            are in the way.
        OSError: a folder cannot be read or written.
        RuntimeError: a worker process died.
    """
    config = config or default_config(features)
    _check_tables(predictions, index)
    extractor = load_extractor(features)
    config.thresholds.check_extractor(extractor.fingerprint)
    own = out_dir / "features"
    job = _Job(
        predictions=predictions.reset_index(drop=True),
        images=choose_index_images(index, config.max_index_images),
        folders=(queries.features or own / "queries", index_images.features or own / "index"),
        fingerprint=extractor.fingerprint,
        config=config,
        out_dir=out_dir,
        workers=workers,
    )
    job.extract((queries, index_images), features, extractor)
    evidence = job.gather()
    table = job.decide(evidence)
    job.write(table, evidence, {"features": features, "queries": queries.name, "index_images": index_images.name})
    return table


@dataclass(kw_only=True)
class _Job:
    """What the steps of one verification share."""

    predictions: pd.DataFrame
    images: dict[int, tuple[str, ...]]
    folders: tuple[Path, Path]
    fingerprint: str
    config: VerifyConfig
    out_dir: Path
    workers: int
    refused: dict[str, dict[str, ImageRefused]] = field(default_factory=dict)

    def comparable(self) -> pd.DataFrame:
        """The predictions whose landmark has index images."""
        return self.predictions[self.predictions[LANDMARK].isin(list(self.images))]

    def query_ids(self) -> list[str]:
        return list(self.comparable()[ID])

    def image_ids(self) -> list[str]:
        landmarks = sorted(set(self.comparable()[LANDMARK]))
        return [image_id for landmark in landmarks for image_id in self.images[landmark]]

    def readable_images(self) -> dict[int, tuple[str, ...]]:
        refused = self.refused["index"]
        return {landmark: tuple(i for i in ids if i not in refused) for landmark, ids in self.images.items()}

    def extract(self, photographs: tuple[Photographs, Photographs], features: str, extractor: Extractor) -> None:
        """Extracts what the feature stores lack and notes which photographs cannot be read."""
        wanted = self.query_ids(), self.image_ids()
        for role, ids, folder, given in zip(_ROLES, wanted, self.folders, photographs, strict=True):
            with FeatureStore(folder, self.fingerprint, _IMAGES_PER_SHARD) as store:
                self.refused[role] = extract_missing(
                    ids,
                    source=given.source,
                    store=store,
                    features=features,
                    extractor=extractor,
                    workers=self.workers,
                    what=role,
                )

    @cached_property
    def plan(self) -> list[Comparison]:
        """What has to be compared; known once the unreadable photographs are."""
        return plan_comparisons(self.comparable(), self.readable_images(), frozenset(self.refused["query"]))

    @cached_property
    def evidence_fingerprint(self) -> str:
        """Of everything that the counted inliers depend on."""
        plan = [asdict(comparison) for comparison in self.plan]
        content = [_VERSION, self.fingerprint, self.config.evidence_settings(), plan]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def gather(self) -> Evidence:
        """Compares what has not been compared before."""
        done = (self.out_dir / files.RECORD_FILE).exists()
        if done and files.read_record(self.out_dir).get("evidence") == self.evidence_fingerprint:
            logger.info("verify: all %d predictions were compared before", len(self.predictions))
            return files.read_evidence(self.out_dir)
        make_work = MakeCompareWork(*self.folders, self.fingerprint, self.config)
        return compare(
            self.plan, make_work, folder=self.out_dir, fingerprint=self.evidence_fingerprint, workers=self.workers
        )

    def decide(self, evidence: Evidence) -> pd.DataFrame:
        """The table of verified.csv."""
        keys = list(zip(self.predictions[ID], self.predictions[LANDMARK], strict=True))
        found = [evidence.get(key, _NOTHING) for key in keys]
        table = self.predictions[[ID, LANDMARK, SCORE]].copy()
        # Rounded as verified.csv keeps it: its reader finds the same verdicts.
        table["mean_inliers"] = [round(one.mean_inliers, 6) for one in found]
        table["max_inliers"] = [one.max_inliers for one in found]
        table["inlier_ratio"] = [round(one.inlier_ratio, 6) for one in found]
        table["spread"] = [one.spread for one in found]
        table["probability"] = np.nan
        table["images_compared"] = [len(one.images) for one in found]
        table["best_image_id"] = [one.best_image_id for one in found]
        table["verdict"] = decide_table(table, self.config.thresholds)
        table[REASON] = [
            self._reason(query, landmark, one, Verdict(verdict))
            for (query, landmark), one, verdict in zip(keys, found, table["verdict"], strict=True)
        ]
        return table[files.VERIFIED_COLUMNS]

    def _reason(self, query: str, landmark: int, found: QueryEvidence, verdict: Verdict) -> str:
        if verdict is not Verdict.UNVERIFIED:
            return explain(found, verdict, self.config.thresholds)
        if landmark == NO_LANDMARK_ID:
            return "no prediction was made"
        if landmark not in self.images:
            return f"landmark {landmark} has no index image"
        if query in self.refused["query"]:
            return f"the query cannot be read: {self.refused['query'][query]}"
        others = [image_id for image_id in self.images[landmark] if image_id != query]
        if not others:
            return f"the only index image of landmark {landmark} is the query itself"
        why = self.refused["index"][others[0]]
        return f"none of the {len(others)} index images of landmark {landmark} can be read: {why}"

    def write(self, table: pd.DataFrame, evidence: Evidence, given: Mapping[str, str]) -> None:
        """Writes all files; the record last, and only then are the parts of the work removed."""
        compared = table[table["images_compared"] > 0]
        files.write_evidence(self.out_dir, evidence, compared)
        files.write_refused(self.out_dir, self.refused)
        files.write_verified(self.out_dir, table)
        files.write_record(self.out_dir, self._record(table, given))
        forget_parts(self.out_dir)

    def _record(self, table: pd.DataFrame, given: Mapping[str, str]) -> dict[str, Any]:
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


def _check_tables(predictions: pd.DataFrame, index: pd.DataFrame) -> None:
    for name, table, columns in (("predictions", predictions, (ID, LANDMARK, SCORE)), ("index", index, (ID, LANDMARK))):
        if missing := [column for column in columns if column not in table.columns]:
            raise ValueError(f"the {name} lack the columns {missing}; they have {list(table.columns)}")
    repeated = predictions.duplicated([ID, LANDMARK])
    if repeated.any():
        row = predictions[repeated].iloc[0]
        raise ValueError(f"query {row[ID]!r} is predicted to show landmark {row[LANDMARK]} twice: keep one")
