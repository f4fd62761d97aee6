"""`tfland embed` as an Apache Beam pipeline: its elements are numbers of parts, and workers write parts.

The runner's shuffle moves numbers, never photographs. A worker opens the model and the list of photographs once and
then does its parts as `embed` does a share; what is left, putting the parts together, is done where the command runs.
So a pipeline, shares of single machines and a plain run can go on with each other's work, to the same bytes. Model,
photographs and output lie in folders that all workers see. Apache Beam is imported only where it is called.
"""

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tfland.recognition.embed import EmbedConfig, count_parts, embed, missing_parts
from tfland.recognition.embed_sources import CatalogPhotographs, Photographs, ShardPhotographs
from tfland.recognition.embedder import Embedder, ViewConfig

_opening = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class EmbedJob:
    """All that a worker must know; paths are those of folders that every worker sees.

    Attributes:
        model: the model directory.
        views: of a photograph.
        csv: the photographs; None takes `shards`.
        images: their folder.
        shards: a pattern of shards.
        out: the output folder.
        config: how to embed; its share is not used.
    """

    model: Path
    views: ViewConfig
    csv: Path | None = None
    images: Path | None = None
    shards: str = ""
    out: Path
    config: EmbedConfig

    def __post_init__(self) -> None:
        for name in ("model", "csv", "images", "shards", "out"):
            if "://" in str(getattr(self, name)) or str(getattr(self, name)).split("/")[0].endswith(":"):
                raise ValueError(f"{name} is {getattr(self, name)}; give a folder on a disk that all workers see")

    def photographs(self) -> Photographs:
        """Opens the list of photographs.

        Raises:
            OSError: a file or folder is missing.
            ValueError: the CSV or a shard is not of its form.
        """
        if self.csv is not None and self.images is not None:
            return CatalogPhotographs(self.csv, self.images)
        return ShardPhotographs(self.shards)


def embed_with_beam(job: EmbedJob, arguments: Sequence[str]) -> int:
    """Embeds as `embed` does, by a pipeline.

    Args:
        job: what to do.
        arguments: flags of Beam, such as --runner=FlinkRunner.

    Returns:
        Rows of the finished folder.

    Raises:
        Refused: as `embed`.
        ValueError: as `embed`, or an argument is no flag.
        OSError: as `embed`, or the pipeline failed.
        ModuleNotFoundError: Apache Beam is not installed.
    """
    for argument in arguments:
        if not argument.startswith("--"):
            raise ValueError(f"{argument!r} is no flag of Apache Beam: they look like --runner=DirectRunner")
    _require_beam()
    embedder, photographs = _opened(job)
    missing = missing_parts(embedder, photographs, job.out, job.config)
    if missing:
        _run_pipeline(missing, job, arguments)
    return embed(embedder, photographs, job.out, replace(job.config, share=(0, 1)))


def embed_planned_part(number: int, job: EmbedJob) -> int:
    """Does one part; runs on a worker.

    Raises:
        OSError: the output folder cannot be written.
        CheckFailed: a record is corrupt.
    """
    embedder, photographs = _opened(job)
    # A share of its own for each part.
    return embed(embedder, photographs, job.out, replace(job.config, share=(number, count_parts(len(photographs)))))


def _opened(job: EmbedJob) -> tuple[Embedder, Photographs]:
    # A runner's threads come at once, and one model is enough.
    with _opening:
        return _open(job)


@functools.lru_cache(maxsize=1)
def _open(job: EmbedJob) -> tuple[Embedder, Photographs]:
    photographs = job.photographs()
    return Embedder.load(job.model, job.views), photographs


def _require_beam() -> None:
    try:
        import apache_beam  # noqa: F401 - only to say what is missing before anything is read
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Apache Beam is not installed: pip install 'tfland[beam]'") from error


def _run_pipeline(numbers: Sequence[int], job: EmbedJob, arguments: Sequence[str]) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    pipeline = beam.Pipeline(options=PipelineOptions(list(arguments)))
    _ = (
        pipeline
        | "Numbers of parts" >> beam.Create(list(numbers))
        # Without it a runner fuses the steps and one worker does everything.
        | "Share out" >> beam.Reshuffle()
        | "Embed" >> beam.Map(embed_planned_part, job=job)
    )
    state = pipeline.run().wait_until_finish()
    if state not in (None, "DONE"):
        raise OSError(f"the pipeline ended as {state}: see the runner's log; run again to go on")
