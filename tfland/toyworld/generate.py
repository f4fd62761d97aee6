"""Makes a toyworld: plans it, photographs it in several processes, writes its tables."""

import dataclasses
import itertools
import logging
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import cv2

from tfland.toyworld.catalogue import Shot, plan
from tfland.toyworld.config import ToyworldConfig
from tfland.toyworld.layout import claim, image_path, is_whole, write_tables
from tfland.toyworld.photograph import photograph_building, photograph_distractor
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.terminal import Progress, progress

# A process paints a building's textures once for each batch, so batches are not small.
_BATCH = 48

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toyworld:
    """What `generate` has made.

    Attributes:
        root: the folder.
        photographs: number of photographs of each split.
        written: photographs made by this call.
        skipped: photographs that an earlier call had made.
    """

    root: Path
    photographs: dict[str, int]
    written: int
    skipped: int


def generate(config: ToyworldConfig, out: Path | str, *, workers: int | None = None) -> Toyworld:
    """Makes a toyworld, or finishes one that was interrupted.

    Args:
        config: its settings.
        out: a new or empty folder, or one begun with the same settings.
        workers: processes; None for one a processor. The files do not depend on it.

    Returns:
        What was made.

    Raises:
        ValueError: the folder holds something else, or `workers` is less than 1.
        OSError: a file cannot be written.
    """
    root = Path(out)
    workers = (os.cpu_count() or 1) if workers is None else workers
    if workers < 1:
        raise ValueError(f"workers is {workers}: give at least 1")
    claim(root, config)
    shots = plan(config)
    everything = [shot for split in shots.values() for shot in split]
    missing = [shot for shot in everything if not is_whole(image_path(root, shot))]
    skipped = len(everything) - len(missing)
    if skipped:
        logger.info("toyworld: %d of %d photographs are there already", skipped, len(everything))
    with progress("toyworld", len(everything)) as state:
        state.skip(skipped)
        _photograph_all(config, root, missing, workers, state)
    write_tables(root, config, shots)
    counts = {split: len(listed) for split, listed in shots.items()}
    return Toyworld(root=root, photographs=counts, written=len(missing), skipped=skipped)


def _batches(shots: Sequence[Shot]) -> list[list[Shot]]:
    """Photographs of one building together, at most `_BATCH` of them."""
    ordered = sorted(shots, key=lambda shot: (shot.group, shot.building, shot.split, shot.number))
    batches = []
    for _, same in itertools.groupby(ordered, key=lambda shot: (shot.group, shot.building)):
        members = list(same)
        batches += [members[start : start + _BATCH] for start in range(0, len(members), _BATCH)]
    return batches


def _photograph_all(config: ToyworldConfig, root: Path, shots: Sequence[Shot], workers: int, state: Progress) -> None:
    batches = _batches(shots)
    workers = min(workers, len(batches))
    if workers <= 1:
        with _one_thread():
            for batch in batches:
                state.advance(_photograph_batch(config, root, batch))
        return
    # Spawned, not forked: the caller may have started TensorFlow's threads, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        waiting = [pool.submit(_photograph_batch, config, root, batch) for batch in batches]
        try:
            for done in as_completed(waiting):
                state.advance(done.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _photograph_batch(config: ToyworldConfig, root: Path, shots: Sequence[Shot]) -> int:
    """Makes photographs and returns how many; runs in a worker process."""
    for shot in shots:
        with atomic_write(image_path(root, shot), "wb") as file:
            file.write(photograph(config, shot))
    return len(shots)


def photograph(config: ToyworldConfig, shot: Shot) -> bytes:
    """JPEG bytes of a planned photograph."""
    if shot.group:
        return photograph_building(config, shot.group, shot.building, shot.split, shot.number)
    return photograph_distractor(config, shot.split, shot.number)
