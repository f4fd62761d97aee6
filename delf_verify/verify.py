"""Verifies predictions: a table of predicted landmarks in, a verdict with its evidence for each of them out."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from delf_verify import verified_files as files
from delf_verify.comparison_job import compare, forget_parts
from delf_verify.comparison_plan import choose_index_images
from delf_verify.config import VerifyConfig, default_config
from delf_verify.decision import default_thresholds
from delf_verify.evidence import verify_query as verify_query
from delf_verify.extract import load_extractor
from delf_verify.feature_job import extract_missing
from delf_verify.feature_store import FeatureStore
from delf_verify.features import Extractor
from delf_verify.photograph_sizes import check_sizes
from delf_verify.reranking import submission_cells
from delf_verify.sources import PhotographSource
from delf_verify.verify_job import ROLES, VerifyJob
from tfrecords_builder.atomic import forget_partials
from tfrecords_builder.folder_lock import hold_lock
from tfrecords_builder.schema import ID, LANDMARK, SCORE

# A slow network loses little when it is killed.
_IMAGES_PER_SHARD = 32
_LOCK = ".verify.lock"

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


class Machines(Protocol):
    """Others that do a part of the work first; what they leave is done here."""

    def extract(self, job: VerifyJob, photographs: Sequence[Photographs], features: str) -> None:
        """Adds features to the stores `job.folders`; photographs are those of the queries and of the index."""
        ...

    def compare(self, job: VerifyJob) -> None:
        """Writes parts of the plan, see `comparison_job.Parts`."""
        ...


def verify_batch(
    *,
    predictions: pd.DataFrame,
    index: pd.DataFrame,
    queries: Photographs,
    index_images: Photographs,
    features: str,
    out_dir: Path,
    config: VerifyConfig | None = None,
    similar: Mapping[tuple[str, int], Sequence[str]] | None = None,
    workers: int = 1,
    machines: Machines | None = None,
) -> pd.DataFrame:
    """Returns the table of verified.csv and writes the files that `delf_verify.verified_files` describes.

    Every prediction's query is compared with the index images of its landmark (never with itself). It is unverified
    where nothing could be compared: an empty prediction, a landmark without index images, a query or index photograph
    that cannot be read. A query in which no features are found was compared: it has 0 inliers.

    Killed and called again it goes on; called again with other thresholds it decides anew from the same evidence
    (unless that depends on the thresholds, see `VerifyConfig.stop_early`). Features are kept by image id; a photograph
    that was replaced since is an error, see `delf_verify.photograph_sizes`.

    Args:
        predictions: columns id, landmark_id (-1: no prediction) and score; several landmarks a query are allowed,
            each is verified, and `delf_verify.reranking` says which one wins.
        index: columns id and landmark_id.
        queries: their photographs.
        index_images: theirs.
        features: as `delf_verify.config.check_features` knows them.
        out_dir: for the results.
        config: None takes `default_config` and `default_thresholds` of the features.
        similar: for predictions (query, landmark) the index images to take, the most similar first; the first
            `config.max_index_images` of them are compared. Predictions that are not in it are compared as without it.
        workers: processes; the results do not depend on them.
        machines: such as `delf_verify.beam_pipeline.BeamMachines`; nor on these.

    Returns:
        Columns as in `verified_files.VERIFIED_COLUMNS`, in the order of the predictions.

    Raises:
        ValueError: a column is missing, a prediction is repeated, the features or thresholds of another extractor
            are in the way, or a photograph was replaced since its features were stored.
        OSError: a folder cannot be read or written, or another process is verifying into it.
        RuntimeError: a worker process died.
    """
    config = config or default_config(features).with_thresholds(default_thresholds(features))
    _check_tables(predictions, index)
    extractor = load_extractor(features)
    config.thresholds.check_extractor(extractor.fingerprint)
    own = out_dir / "features"
    job = VerifyJob(
        predictions=predictions.reset_index(drop=True),
        choice=choose_index_images(index, config.max_index_images, similar),
        folders=(queries.features or own / "queries", index_images.features or own / "index"),
        fingerprint=extractor.fingerprint,
        config=config,
        out_dir=out_dir,
    )
    busy = f"another tfland verify is writing into {out_dir}: wait for it or use another --out"
    with hold_lock(out_dir / _LOCK, busy):
        return _run(job, (queries, index_images), features, extractor, workers, machines)


def _run(
    job: VerifyJob,
    photographs: tuple[Photographs, Photographs],
    features: str,
    extractor: Extractor,
    workers: int,
    machines: Machines | None,
) -> pd.DataFrame:
    forget_partials(job.out_dir)
    if machines is not None:
        machines.extract(job, photographs, features)
    extract(job, photographs, features, extractor, workers)
    gather(job, workers, machines)
    queries, index_images = photographs
    return finish(job, {"features": features, "queries": queries.name, "index_images": index_images.name})


def extract(
    job: VerifyJob,
    photographs: tuple[Photographs, Photographs],
    features: str,
    extractor: Extractor,
    workers: int,
) -> None:
    """Extracts what the feature stores lack and notes which photographs cannot be read.

    Args:
        job: its `refused` and `sizes` are filled.
        photographs: of the queries and of the index.
        features: what `extractor` was loaded from.
        extractor: makes the features.
        workers: processes.
    """
    for role, folder, given in zip(ROLES, job.folders, photographs, strict=True):
        with FeatureStore(folder, job.fingerprint, _IMAGES_PER_SHARD) as store:
            job.refused[role] = extract_missing(
                job.wanted(role),
                source=given.source,
                store=store,
                features=features,
                extractor=extractor,
                workers=workers,
                what=role,
            )
        job.sizes[role] = check_sizes(job.wanted(role), given.source, store)


def gather(job: VerifyJob, workers: int, machines: Machines | None = None) -> None:
    """Compares what has not been compared before and puts evidence.csv together.

    Args:
        job: after `extract`.
        workers: processes.
        machines: others that compare first.
    """
    if files.read_evidence_fingerprint(job.out_dir) == job.evidence_fingerprint:
        logger.info("verify: all %d predictions were compared before", len(job.predictions))
        return
    parts = job.parts
    forget_parts(job.out_dir, but=parts.folder)
    if machines is not None:
        machines.compare(job)
    compare(parts, job.make_work, workers=workers)
    # The old record must not vouch for the new evidence, should this process be killed between the two.
    files.forget_record(job.out_dir)
    files.write_evidence(job.out_dir, parts.texts())


def finish(job: VerifyJob, given: Mapping[str, str]) -> pd.DataFrame:
    """Decides on the evidence in evidence.csv and writes all other files; the record last.

    Args:
        job: after `gather`.
        given: for verify.json: features, queries and index_images as a person gave them.

    Returns:
        The table of verified.csv.
    """
    folder = job.out_dir
    table = job.decide(files.stream_evidence(folder))
    files.write_unfinished(folder, job.evidence_fingerprint)
    files.write_refused(folder, job.refused)
    files.write_verified(folder, table)
    files.write_parquet(folder, table)
    files.write_reranked(folder, submission_cells(table))
    files.write_record(folder, job.record(table, given))
    forget_parts(folder)
    return table


def _check_tables(predictions: pd.DataFrame, index: pd.DataFrame) -> None:
    for name, table, columns in (("predictions", predictions, (ID, LANDMARK, SCORE)), ("index", index, (ID, LANDMARK))):
        if missing := [column for column in columns if column not in table.columns]:
            raise ValueError(f"the {name} lack the columns {missing}; they have {list(table.columns)}")
    repeated = predictions.duplicated([ID, LANDMARK])
    if repeated.any():
        row = predictions[repeated].iloc[0]
        raise ValueError(f"query {row[ID]!r} is predicted to show landmark {row[LANDMARK]} twice: keep one")
