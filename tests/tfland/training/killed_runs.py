"""A program for test_resume.py: trains once undisturbed, then once more while being killed again and again.

TensorFlow is imported once and each run is a fork, made before any of it is used: a process of its own that is killed
as hard as any other, without the ten seconds that the import takes.

Usage: killed_runs.py CONFIG.yaml FOLDER KILLS.json; writes FOLDER/uninterrupted, FOLDER/killed and FOLDER/codes.json.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf
from conftest import tiny_spec  # type: ignore[import-not-found]

from tfland.config_io import load_config
from tfland.models.backbones import BACKBONES
from tfland.training import loop, loss_scale, model_dir, periods, train, trainer
from tfland.training.interruption import EXIT_TERMINATED, Interrupted


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_in(function: Callable[..., Any], *, calls: int = 1, after: bool = False) -> Callable[..., Any]:
    """The function, but its n-th call is the process's last: before it does anything, or when it is done."""
    count = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count == calls and not after:
            die()
        result = function(*args, **kwargs)
        if count == calls:
            die()
        return result

    return wrapped


def after_step(step: int) -> None:
    original = trainer.Trainer.train

    def wrapped(self: trainer.Trainer, num_steps: Any) -> Any:
        result = original(self, num_steps)
        if self.step >= step:
            die()
        return result

    trainer.Trainer.train = wrapped


def terminated_after_step(step: int) -> None:
    """SIGTERM, as on a machine that is taken away; the run writes a checkpoint and ends by itself."""
    original = trainer.Trainer.train

    def wrapped(self: trainer.Trainer, num_steps: Any) -> Any:
        result = original(self, num_steps)
        if self.step >= step:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    trainer.Trainer.train = wrapped


def while_writing_checkpoint(calls: int) -> None:
    """The tensors are on disk under a temporary name, the checkpoint is not."""
    from tensorflow.python.ops import gen_io_ops

    gen_io_ops.merge_v2_checkpoints = die_in(gen_io_ops.merge_v2_checkpoints, calls=calls)


def before_checkpoint_is_named(calls: int) -> None:
    """The checkpoint's files are whole, TensorFlow's state file still names the one before."""
    from tensorflow.python.checkpoint import checkpoint_management

    original = checkpoint_management.update_checkpoint_state_internal
    checkpoint_management.update_checkpoint_state_internal = die_in(original, calls=calls)


def at_epoch_end(_calls: int) -> None:
    periods.Periods.end = die_in(periods.Periods.end)


def after_validation(_calls: int) -> None:
    periods.Periods.end = die_in(periods.Periods.end, after=True)


def before_export(_calls: int) -> None:
    model_dir.save_config = die_in(model_dir.save_config)


def before_metrics(_calls: int) -> None:
    """model.keras is written, the mark that the run is finished is not."""
    model_dir.json.dump = die_in(model_dir.json.dump, calls=2)


def after_milliseconds(milliseconds: int) -> None:
    """Somewhere inside TensorFlow, counted from the first step's end."""
    original = trainer.Trainer.train

    def wrapped(self: trainer.Trainer, num_steps: Any) -> Any:
        result = original(self, num_steps)
        if self.step % 5 == 1:
            threading.Thread(target=lambda: (time.sleep(milliseconds / 1000), die()), daemon=True).start()
        return result

    trainer.Trainer.train = wrapped


KILLS: dict[str, Callable[[int], None]] = {
    function.__name__: function
    for function in (
        after_step,
        terminated_after_step,
        while_writing_checkpoint,
        before_checkpoint_is_named,
        at_epoch_end,
        after_validation,
        before_export,
        before_metrics,
        after_milliseconds,
    )
}


def run(config_file: str, folder: Path, kill: tuple[str, int] | None) -> int:
    """Trains in a fork; returns its exit status: -9 if it was killed, 143 after SIGTERM."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        # Leave the inner loop after each step, so that a kill can come after any of them.
        loop._MAX_STEPS_PER_REPORT = 1
        # The loss scale changes within a short run.
        loss_scale._GROWTH_STEPS = 3
        BACKBONES["resnet18"] = tiny_spec()
        config = load_config(config_file, [f"training.model_dir={folder}"])
        if kill is not None:
            KILLS[kill[0]](kill[1])
        if config.training.strategy == "mirrored":
            devices = [tf.config.LogicalDeviceConfiguration()] * 2
            tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
        train(config)
    except Interrupted:
        os._exit(EXIT_TERMINATED)
    except BaseException as error:  # a fork must never return into its parent
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    os._exit(0)


def main() -> None:
    config_file, folder, kills_file = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    codes = [run(config_file, folder / "uninterrupted", None)]
    codes += [run(config_file, folder / "killed", tuple(kill)) for kill in json.loads(kills_file.read_text())]
    codes += [run(config_file, folder / "killed", None)]
    (folder / "codes.json").write_text(json.dumps(codes))


if __name__ == "__main__":
    main()
