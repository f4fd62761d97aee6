"""Verification within the chain: thresholds tuned on validation queries, then applied to the test queries."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.metrics import roc_auc_score

from delf_verify.config import VerifyConfig, default_config
from delf_verify.decision import load_thresholds, save_thresholds
from delf_verify.report import ReportConfig, names_of, report_folder
from delf_verify.sources import FolderSource
from delf_verify.tuning import TuningResult
from delf_verify.verified_files import read_verified
from delf_verify.verify import Photographs, verify_batch
from tfland.demo.config import ChainConfig
from tfland.demo.layout import Layout, Queries
from tfland.recognition.threshold_tuning import label_evidence, tune_on_solution
from tfrecords_builder.catalog import read_photographs, read_solution, read_submission


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """Verification of one run's predictions.

    Attributes:
        config: the run's settings.
        layout: its photographs.
        out: its folder.
        workers: processes.
    """

    config: ChainConfig
    layout: Layout
    out: Path
    workers: int

    def tune(self, extractor: str) -> None:
        """Verifies the validation queries and tunes the thresholds on them."""
        folder = self._folder("validation", extractor)
        self._verify("validation", self.layout.validation, extractor, self._settings(extractor))
        result: TuningResult = tune_on_solution(
            folder,
            self.layout.validation.solution,
            min_true_kept=self.config.min_true_kept,
            seed=self.config.seed,
        )
        save_thresholds(result.thresholds, self._thresholds(extractor))

    def separation(self) -> dict[str, float]:
        """How well each extractor tells right from wrong validation predictions; names in ascending order.

        The area under the ROC curve of the largest number of inliers: it needs no thresholds, so that neither a floor
        nor the luck of a few queries decides which extractor is used. 1 where every prediction is right.
        """
        areas: dict[str, float] = {}
        for extractor in sorted(self.config.extractors):
            labelled = label_evidence(self._folder("validation", extractor), self.layout.validation.solution)
            inliers = labelled.table["max_inliers"].fillna(0)
            areas[extractor] = 1.0 if labelled.is_true.all() else float(roc_auc_score(labelled.is_true, inliers))
        return areas

    def verify_test(self, extractor: str) -> Path:
        """Verifies the test queries with the tuned thresholds; returns the folder."""
        self._verify("test", self.layout.test, extractor, self._tuned(extractor))
        return self._folder("test", extractor)

    def read_test(self, extractor: str) -> pd.DataFrame:
        """The table of `verify_test`."""
        return read_verified(self._folder("test", extractor))

    def write_report(self, extractor: str, figures: Mapping[str, Any]) -> Path:
        """Writes the report of `verify_test`; returns its first page."""
        names = self.layout.names
        return report_folder(
            self._folder("test", extractor),
            figures=figures,
            truth=read_solution(self.layout.test.solution),
            labels=None if names is None else names_of(pd.read_csv(names, keep_default_na=False)),
            config=ReportConfig(workers=self.workers),
        )

    def _verify(self, name: str, queries: Queries, extractor: str, settings: VerifyConfig) -> pd.DataFrame:
        index_features = self.out / "features" / f"index_{extractor}"
        return verify_batch(
            predictions=read_submission(self.out / "predictions" / f"{name}.csv"),
            index=read_photographs(self.layout.train_csv),
            queries=Photographs(source=FolderSource(queries.images), name=str(queries.images)),
            index_images=Photographs(
                source=FolderSource(self.layout.train_images),
                name=str(self.layout.train_images),
                features=index_features,
            ),
            features=self._features(extractor),
            out_dir=self._folder(name, extractor),
            config=settings,
            workers=self.workers,
        )

    def _settings(self, extractor: str) -> VerifyConfig:
        default = default_config(self._features(extractor)).with_residual(self.config.residual_px)
        return replace(default, max_index_images=self.config.index_images)

    def _tuned(self, extractor: str) -> VerifyConfig:
        return self._settings(extractor).with_thresholds(load_thresholds(self._thresholds(extractor)))

    def _features(self, extractor: str) -> str:
        return f"delf:{self.out / 'delf'}" if extractor == "delf" else extractor

    def _folder(self, name: str, extractor: str) -> Path:
        return self.out / "verified" / f"{name}_{extractor}"

    def _thresholds(self, extractor: str) -> Path:
        return self.out / f"thresholds_{extractor}.yaml"
