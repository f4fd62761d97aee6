"""`tfland verify` as an Apache Beam pipeline: elements are names of task files, and workers do what those ask for.

First the features: a task is a list of photographs of one role, whose features a worker adds to the store as a shard
of its own. Then the comparisons: a task is a part of the plan, whose file of evidence a worker writes. The runner's
shuffle moves names, never photographs, features or evidence. What a worker could not do (photographs that are
refused), and all decisions, are done where the command runs, by the code of a local run: the tables are the same
bytes, and a local run and a pipeline go on with each other's work. Photographs, features and results lie in folders
that all workers see. Apache Beam is imported only where it is called.
"""

import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from delf_verify.batches import extract_all
from delf_verify.comparison_job import CompareWork, MakeCompareWork, write_part
from delf_verify.comparison_plan import Comparison
from delf_verify.extract import load_extractor
from delf_verify.feature_store import FeatureStore
from delf_verify.features import Extractor
from delf_verify.sources import PhotographSource
from delf_verify.verify import Photographs
from delf_verify.verify_job import ROLES, VerifyJob
from tfrecords_builder.images import ImageRefused
from tfrecords_builder.json_files import read_object, write_json

# Photographs of a task, and of the shard that comes of it: half a minute of RootSIFT.
_IMAGES_PER_TASK = 256
_TASK_FOLDER = "extract-tasks"

# Threads of one worker process take turns: an extractor and an index of features at a time are enough memory.
_turn = threading.Lock()
_opened: tuple[Path, CompareWork] | None = None


@dataclass(frozen=True)
class BeamMachines:
    """The workers of a Beam runner, for `verify_batch`.

    Attributes:
        flags: of Beam, such as --runner=FlinkRunner.

    Raises:
        ValueError: one is no flag.
        ModuleNotFoundError: Apache Beam is not installed.
    """

    flags: tuple[str, ...]

    def __post_init__(self) -> None:
        for flag in self.flags:
            if not flag.startswith("--"):
                raise ValueError(f"{flag!r} is no flag of Apache Beam: they look like --runner=DirectRunner")
        _require_beam()

    def extract(self, job: VerifyJob, photographs: Sequence[Photographs], features: str) -> None:
        """Adds the features that the stores lack, of the photographs that can be read.

        Raises:
            OSError: the pipeline failed.
        """
        _check_folders([job.out_dir, *job.folders])
        tasks = job.out_dir / _TASK_FOLDER
        shutil.rmtree(tasks, ignore_errors=True)
        for role, folder in zip(ROLES, job.folders, strict=True):
            missing = sorted(FeatureStore(folder, job.fingerprint).missing(job.wanted(role)))
            for start in range(0, len(missing), _IMAGES_PER_TASK):
                tasks.mkdir(parents=True, exist_ok=True)
                content = {"role": role, "ids": missing[start : start + _IMAGES_PER_TASK]}
                write_json(tasks / f"{role}-{start:09d}.json", content)
        sources = {role: given.source for role, given in zip(ROLES, photographs, strict=True)}
        folders = {role: folder.resolve() for role, folder in zip(ROLES, job.folders, strict=True)}
        extraction = Extraction(features, sources, folders)
        self._run("Extract", sorted(tasks.glob("*.json")), extract_task, extraction)
        shutil.rmtree(tasks, ignore_errors=True)

    def compare(self, job: VerifyJob) -> None:
        """Writes the parts of the plan that are missing.

        Raises:
            OSError: the pipeline failed.
        """
        tasks = []
        for number in job.parts.waiting():
            tasks.append(job.parts.path(number).with_suffix(".json"))
            tasks[-1].parent.mkdir(parents=True, exist_ok=True)
            write_json(tasks[-1], {"comparisons": [asdict(one) for one in job.parts.pieces[number]]})
        queries, index = (folder.resolve() for folder in job.folders)
        make_work = replace(job.make_work, query_features=queries, index_features=index)
        self._run("Compare", tasks, compare_task, make_work)

    def _run(self, name: str, tasks: Iterable[Path], step: Callable[[str, Any], int], work: Any) -> None:
        paths = [str(path.resolve()) for path in tasks]
        if paths:
            _run_pipeline(name, paths, step, work, self.flags)


@dataclass(frozen=True)
class Extraction:
    """What a worker must know to extract; all of it is pickled.

    Attributes:
        features: names the extractor.
        sources: role -> photographs.
        folders: role -> feature store, which exists.
    """

    features: str
    sources: Mapping[str, PhotographSource]
    folders: Mapping[str, Path]


def extract_task(path: str, extraction: Extraction) -> int:
    """Extracts what a task file asks for; runs on a worker, again if the runner wishes.

    Returns:
        How many photographs were extracted; refused ones are left to the machine that runs the command.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: the extractor here is not the one that the command loaded.
    """
    task = read_object(Path(path))
    source, folder = extraction.sources[task["role"]], extraction.folders[task["role"]]
    done = 0
    with _turn:
        extractor = _load(extraction.features)
        with FeatureStore(folder, extractor.fingerprint, _IMAGES_PER_TASK) as store:
            for image_id, outcome in extract_all(store.missing(task["ids"]), source, extractor):
                if not isinstance(outcome, ImageRefused):
                    store.add(image_id, outcome)
                    done += 1
    return done


def compare_task(path: str, make_work: MakeCompareWork) -> int:
    """Compares what a task file asks for and writes the part; runs on a worker, again if the runner wishes.

    Returns:
        How many predictions were compared.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: the features are of another extractor.
    """
    global _opened
    place = Path(path)
    piece = [_comparison(**one) for one in read_object(place)["comparisons"]]
    with _turn, threadpool_limits(limits=1):
        # The folder's name tells the settings and the features; to open large stores takes longer than a part.
        if _opened is None or _opened[0] != place.parent:
            _opened = place.parent, make_work()
        write_part(place.with_suffix(".csv"), piece, [_opened[1](one) for one in piece])
    return sum(len(one.query_ids) for one in piece)


def _comparison(landmark_id: int, **lists: list[Any]) -> Comparison:
    return Comparison(landmark_id, **{name: tuple(values) for name, values in lists.items()})


@lru_cache(maxsize=1)
def _load(features: str) -> Extractor:
    return load_extractor(features)


def _check_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        if folder.parts and folder.parts[0].endswith(":"):
            raise ValueError(f"{folder} is an address; give a folder on a disk that all workers see")


def _require_beam() -> None:
    try:
        import apache_beam  # noqa: F401 - only to say what is missing before anything is read
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Apache Beam is not installed: pip install 'tfland[beam]'") from error


def _run_pipeline(
    name: str, paths: Sequence[str], step: Callable[[str, Any], int], work: Any, flags: Sequence[str]
) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    pipeline = beam.Pipeline(options=PipelineOptions(list(flags)))
    _ = (
        pipeline
        | "Names of tasks" >> beam.Create(list(paths))
        # Without it a runner fuses the steps and one worker does everything.
        | "Share out" >> beam.Reshuffle()
        | name >> beam.Map(step, work)
    )
    state = pipeline.run().wait_until_finish()
    if state not in (None, "DONE"):
        raise OSError(f"the pipeline ended as {state}: see the runner's log; run again to go on")
