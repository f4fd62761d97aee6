"""What lets a killed build go on, and keeps two builds out of one folder: the folder `.build` beside the shards.

`settings.json` says what the folder is for; `SHARD.json`, written after the shard itself, says that it is finished.
"""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tfrecords_builder.atomic import forget_partials
from tfrecords_builder.folder_lock import hold_lock
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.manifest import RefusedImage, ShardEntry
from tfrecords_builder.schema import MANIFEST_FILE, offsets_name
from tfrecords_builder.shard_writer import ShardResult

STATE_FOLDER = ".build"
# Of a repair and of a Beam pipeline while they run.
REPAIR_FOLDER = f"{STATE_FOLDER}/repair"
PLAN_FOLDER = f"{STATE_FOLDER}/plan"
SETTINGS_FILE = f"{STATE_FOLDER}/settings.json"
_LOCK = "lock"

logger = logging.getLogger(__name__)


class BuildState:
    """The state of one build folder; made by `open_state`, which holds the folder's lock."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._folder = out / STATE_FOLDER

    def claim(self, settings: dict[str, Any]) -> None:
        """Makes the folder that of a build with these settings.

        Raises:
            ValueError: it holds another build, or shards of unknown origin.
        """
        path = self._out / SETTINGS_FILE
        if path.is_file():
            _refuse_other(self._out, read_object(path, "choose another --out"), settings)
        else:
            foreign = sorted(file.name for file in self._out.glob("*.tfrecord"))
            foreign += [MANIFEST_FILE] if (self._out / MANIFEST_FILE).exists() else []
            if foreign:
                raise ValueError(
                    f"{self._out} holds {foreign[0]}, which this tool did not put there; choose another --out"
                )
            write_json(path, settings)
        # Left by a run that was killed while it wrote; the lock says that nobody writes now.
        forget_partials(self._out)
        forget_partials(self._folder)
        for folder in (REPAIR_FOLDER, PLAN_FOLDER):
            shutil.rmtree(self._out / folder, ignore_errors=True)

    def adopt(self, settings: dict[str, Any]) -> None:
        """Takes a finished build, whose notes are lost or damaged, for one with these settings."""
        if self.settings() is None:
            write_json(self._out / SETTINGS_FILE, settings)

    def settings(self) -> dict[str, Any] | None:
        """Returns what the folder was claimed for, or None if that was never noted or is not readable."""
        path = self._out / SETTINGS_FILE
        try:
            return read_object(path) if path.is_file() else None
        except ValueError as error:
            logger.warning("%s", error)
            return None

    def noted(self, shard: str) -> ShardResult | None:
        """Returns what is noted of a shard, whether or not its file is as it was left; None if nothing is.

        Raises:
            ValueError: the note is damaged.
        """
        path = self._path(shard)
        if not path.is_file():
            return None
        content = read_object(path)
        try:
            return ShardResult(
                entry=ShardEntry(**content["entry"]),
                refused=tuple(RefusedImage(**image) for image in content["refused"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged: {error}; delete it and run the build again") from error

    def finished(self, shard: str) -> ShardResult | None:
        """Returns what an earlier run wrote for a shard, or None if it must be written.

        Raises:
            ValueError: its note is damaged.
        """
        result = self.noted(shard)
        if result is None:
            return None
        file = self._out / shard
        whole = file.is_file() and file.stat().st_size == result.entry.size_bytes
        if not whole or not (self._out / offsets_name(shard)).is_file():
            logger.warning("%s is not as its build left it: it is written again", file)
            return None
        return result

    def finish(self, result: ShardResult) -> None:
        """Notes that a shard is written."""
        content = {"entry": asdict(result.entry), "refused": [asdict(image) for image in result.refused]}
        write_json(self._path(result.entry.name), content)

    def forget(self, shard: str) -> None:
        """Makes a shard unfinished."""
        self._path(shard).unlink(missing_ok=True)

    def _path(self, shard: str) -> Path:
        return self._folder / f"{shard}.json"


@contextmanager
def open_state(out: Path) -> Iterator[BuildState]:
    """Yields the state of a build folder, which nobody else can open meanwhile; makes the folder.

    Raises:
        OSError: another build is running in the folder, or it cannot be written.
    """
    busy = f"another build is running in {out}; wait for it or choose another --out"
    with hold_lock(out / STATE_FOLDER / _LOCK, busy):
        yield BuildState(out)


def _refuse_other(out: Path, there: dict[str, Any], here: dict[str, Any]) -> None:
    if there == here:
        return
    raise ValueError(
        f"{out} holds a build with other settings ({differences(there, here)}); choose another --out or delete it"
    )


def differences(there: dict[str, Any], here: dict[str, Any]) -> str:
    """Returns what differs between two identities, such as "settings.max_side was 256 and is 128"."""
    old, new = _flatten(there), _flatten(here)
    return "; ".join(
        f"{key} was {old.get(key, 'absent')!r} and is {new.get(key, 'absent')!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    )


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
