"""The build as an Apache Beam pipeline: on Dataflow, Flink or Spark, byte for byte what `build_shards` writes here.

The plan is made where the command runs and laid beside the shards; the pipeline's elements are names of shards. So the
runner's shuffle moves names, never photographs, and a job's graph stays small however long the catalogue is. A worker
writes a whole shard with the same function as a local build and then notes it, so that a killed job goes on, and a
local build can go on with what a pipeline began.

Folders of `--images` and `--out` must be seen by all workers: a shared disk, or addresses that Beam's file systems know
(gs://, s3://, hdfs://). This is the only module that imports apache_beam, and only where it is called.
"""

import logging
import shutil
import tempfile
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from tfrecords_builder.build_plan import BuildPlan, plan_build
from tfrecords_builder.build_state import PLAN_FOLDER, SETTINGS_FILE, STATE_FOLDER, BuildState, open_state
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.manifest import Manifest
from tfrecords_builder.schema import (
    ATTRIBUTION_FILE,
    CATEGORIES_FILE,
    LABELS_FILE,
    MANIFEST_FILE,
    REFUSED_FILE,
    offsets_name,
)
from tfrecords_builder.settings_tree import from_tree, to_tree
from tfrecords_builder.shard_writer import ShardResult, ShardTask, write_shard
from tfrecords_builder.shards import finish_build, finished_shards

logger = logging.getLogger(__name__)


def build_with_beam(config: BuildConfig, arguments: Sequence[str]) -> Manifest:
    """Builds as `shards.build_shards` does, by a pipeline; `config.workers` is the runner's business and is ignored.

    Args:
        config: what to build. `images` and `out` may be addresses such as Path("gs://bucket/folder").
        arguments: flags of Beam, such as --runner=DataflowRunner.

    Raises:
        OSError: as `build_shards`, or the pipeline failed.
        ValueError: as `build_shards`, or an argument is no flag.
        ModuleNotFoundError: Apache Beam is not installed.
    """
    for argument in arguments:
        if not argument.startswith("--"):
            raise ValueError(f"{argument!r} is no flag of Apache Beam: they look like --runner=DirectRunner")
    _require_beam()
    fetch = partial(_fetch_photographs, address(config.images)) if is_remote(config.images) else None
    with _local_folder(config.out) as folder:
        plan = plan_build(replace(config, out=folder), fetch=fetch)
        return _carry_out(plan, config.out, arguments)


def _carry_out(plan: BuildPlan, out: Path, arguments: Sequence[str]) -> Manifest:
    """Writes what is missing; `plan.config.out` is `out` itself, or the folder that stands for an address here."""
    folder = plan.config.out
    with open_state(folder) as state:
        state.claim(plan.identity)
        if folder != out:
            # Before any shard: whoever goes on with this build must find what it is.
            _upload(folder / SETTINGS_FILE, f"{address(out)}/{SETTINGS_FILE}")
        done = finished_shards(plan, state) if folder == out else _finished_there(plan, state, out)
        missing = [name for name in plan.names if name not in done]
        logger.info("build: %d photographs, %d shards to write by Beam", plan.photographs, len(missing))
        try:
            _lay_out(plan, out, done)
            _run_pipeline(missing, address(out), arguments)
        finally:
            shutil.rmtree(folder / PLAN_FOLDER, ignore_errors=True)
        if folder != out:
            _fetch_notes(out, folder)
        manifest = finish_build(plan, [_result(state, name) for name in plan.names])
        if folder != out:
            # The manifest last: where it is, all is.
            tables = [name for name in (ATTRIBUTION_FILE, CATEGORIES_FILE) if (folder / name).exists()]
            for name in (LABELS_FILE, REFUSED_FILE, *tables, MANIFEST_FILE):
                _upload(folder / name, f"{address(out)}/{name}")
            _delete(f"{address(out)}/{PLAN_FOLDER}")
        return manifest


def write_planned_shard(name: str, out: str) -> str:
    """Writes one shard of the plan in `out` and notes it; runs on a worker.

    Args:
        name: the shard.
        out: address of the build's folder.

    Raises:
        OSError: a file cannot be read or written.
    """
    import cv2

    # The runner starts a worker per core: more threads would only fight over them.
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        if "://" not in out:
            folder = Path(out)
        else:
            folder = Path(scratch) / "out"
            _download(f"{out}/{PLAN_FOLDER}/{name}.json", folder / PLAN_FOLDER / f"{name}.json")
        task = from_tree(ShardTask, read_object(folder / PLAN_FOLDER / f"{name}.json"))
        if is_remote(task.images):
            photographs = Path(scratch) / "images"
            _fetch_photographs(address(task.images), task.image_ids, photographs)
            task = replace(task, images=photographs)
        result = write_shard(replace(task, out=folder), lambda done, refused: None)
        state = BuildState(folder)
        state.finish(result)
        if "://" in out:
            # The note last: it says that the others are there.
            for file in (name, offsets_name(name), f"{STATE_FOLDER}/{name}.json"):
                _upload(folder / file, f"{out}/{file}")
    return name


def is_remote(path: Path) -> bool:
    """Tells whether a path is an address of Beam's file systems, such as gs://bucket/folder."""
    return path.parts[0].endswith(":") if path.parts else False


def address(path: Path) -> str:
    """Returns a path as Beam's file systems take it: Path makes one slash of the two in gs://bucket/folder."""
    return f"{path.parts[0]}//{'/'.join(path.parts[1:])}" if is_remote(path) else str(path)


def _require_beam() -> None:
    try:
        import apache_beam  # noqa: F401 - only to say what is missing before anything is read
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Apache Beam is not installed: pip install 'tfland[beam]'") from error


def _run_pipeline(names: Sequence[str], out: str, arguments: Sequence[str]) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    if not names:
        return
    options = PipelineOptions(list(arguments))
    pipeline = beam.Pipeline(options=options)
    _ = (
        pipeline
        | "Names of shards" >> beam.Create(list(names))
        # Without it a runner fuses the steps and one worker writes everything.
        | "Share out" >> beam.Reshuffle()
        | "Write shards" >> beam.Map(write_planned_shard, out=out)
    )
    state = pipeline.run().wait_until_finish()
    if state not in (None, "DONE"):
        raise OSError(f"the pipeline ended as {state}: see the runner's log; run again to go on")


@contextmanager
def _local_folder(out: Path) -> Iterator[Path]:
    """Yields `out`, or for an address a temporary folder that holds the state of the build there."""
    if not is_remote(out):
        yield out
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / STATE_FOLDER).mkdir()
        _fetch_notes(out, folder)
        yield folder


def _lay_out(plan: BuildPlan, out: Path, done: Container[str]) -> None:
    """Writes the task of each missing shard where the workers find it."""
    folder = plan.config.out
    (folder / PLAN_FOLDER).mkdir(parents=True, exist_ok=True)
    if folder != out:
        _make_folder(f"{address(out)}/{PLAN_FOLDER}")
    for task in plan.tasks(done):
        path = folder / PLAN_FOLDER / f"{task.name}.json"
        write_json(path, to_tree(task))
        if folder != out:
            _upload(path, f"{address(out)}/{PLAN_FOLDER}/{path.name}")


def _finished_there(plan: BuildPlan, state: BuildState, out: Path) -> dict[str, ShardResult]:
    """Returns the shards that are noted and whole at an address, by name."""
    from apache_beam.io.filesystems import FileSystems

    if not plan.config.resume:
        return {}
    found = FileSystems.match([f"{address(out)}/*"])[0].metadata_list
    sizes = {file.path.rpartition("/")[2]: file.size_in_bytes for file in found}
    done = {}
    for name in plan.names:
        result = state.noted(name)
        if result is not None and sizes.get(name) == result.entry.size_bytes and offsets_name(name) in sizes:
            done[name] = result
    return done


def _result(state: BuildState, name: str) -> ShardResult:
    result = state.noted(name)
    if result is None:
        raise OSError(f"the pipeline ended without {name}: see the runner's log; run again to go on")
    return result


def _fetch_notes(out: Path, folder: Path) -> None:
    """Copies settings.json and the notes of finished shards from an address."""
    from apache_beam.io.filesystems import FileSystems

    for file in FileSystems.match([f"{address(out)}/{STATE_FOLDER}/*.json"])[0].metadata_list:
        _download(file.path, folder / STATE_FOLDER / file.path.rpartition("/")[2])


def _fetch_photographs(images: str, image_ids: Sequence[str], folder: Path) -> None:
    """Copies photographs to where `images.locate` looks for them; those that are not there stay away."""
    from apache_beam.io.filesystems import FileSystems

    folder.mkdir()
    for image_id in image_ids:
        for relative in (f"{'/'.join(image_id[:3])}/{image_id}.jpg", f"{image_id}.jpg"):
            if FileSystems.exists(f"{images}/{relative}"):
                _download(f"{images}/{relative}", folder / relative)
                break


def _make_folder(there: str) -> None:
    from apache_beam.io.filesystems import FileSystems

    if not FileSystems.exists(there):
        FileSystems.mkdirs(there)


def _download(there: str, path: Path) -> None:
    from apache_beam.io.filesystems import CompressionTypes, FileSystems

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileSystems.open(there, compression_type=CompressionTypes.UNCOMPRESSED) as source, path.open("wb") as file:
        shutil.copyfileobj(source, file)


def _upload(path: Path, there: str) -> None:
    from apache_beam.io.filesystems import CompressionTypes, FileSystems

    with path.open("rb") as file, FileSystems.create(there, compression_type=CompressionTypes.UNCOMPRESSED) as target:
        shutil.copyfileobj(file, target)


def _delete(there: str) -> None:
    from apache_beam.io.filesystems import FileSystems

    FileSystems.delete([there])
