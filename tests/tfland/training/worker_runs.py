"""A program for test_workers.py: two workers train undisturbed, then once more while being killed and told to end.

TensorFlow is imported once; each worker is a fork, made before any of it is used.

Usage: worker_runs.py CONFIG.yaml FOLDER; writes FOLDER/one_device, FOLDER/uninterrupted, FOLDER/killed and
FOLDER/codes.json: for each run the exit codes of its workers.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import tiny_spec  # type: ignore[import-not-found]

from tfland.config_io import load_config
from tfland.models.backbones import BACKBONES
from tfland.training import loop, train, trainer
from tfland.training.interruption import EXIT_TERMINATED, Interrupted
from tfrecords_builder.terminal import CheckFailed

WORKERS = 2


def free_addresses() -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(WORKERS)]
    addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in sockets]
    for server in sockets:
        server.close()
    return addresses


def after_step(step: int, number: int) -> None:
    """Sends this process a signal when a step is done."""
    original = trainer.Trainer.train

    def wrapped(self: trainer.Trainer, num_steps: Any) -> Any:
        result = original(self, num_steps)
        if self.step == step:
            os.kill(os.getpid(), number)
        return result

    trainer.Trainer.train = wrapped


def work(config_file: str, settings: list[str], prepare: Callable[[], None]) -> int:
    """Trains in a process that ends with what this returns."""
    BACKBONES["resnet18"] = tiny_spec()
    loop._MAX_STEPS_PER_REPORT = 1
    prepare()
    try:
        train(load_config(config_file, settings))
    except Interrupted as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_TERMINATED
    except CheckFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def fork(call: Callable[[], int]) -> int:
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        code = call()
    except BaseException as error:  # a fork must never return into its parent
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    sys.stderr.flush()
    os._exit(code)


def run(config_file: str, folder: Path, victim: int | None = None, step: int = 0, number: int = 0) -> list[int]:
    """Two workers; one of them may get a signal after a step. Returns their exit codes, negative for a signal."""
    addresses, children = free_addresses(), []
    for rank in range(WORKERS):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}

        def call(rank: int = rank, task: dict[str, Any] = task) -> int:
            os.environ["TF_CONFIG"] = json.dumps(task)
            settings = ["training.strategy=multi_worker", f"training.model_dir={folder}"]
            return work(config_file, settings, lambda: after_step(step, number) if rank == victim else None)

        children.append(fork(call))
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def main() -> None:
    config_file, folder = sys.argv[1], Path(sys.argv[2])
    one = fork(lambda: work(config_file, [f"training.model_dir={folder / 'one_device'}"], lambda: None))
    codes: dict[str, Any] = {"one_device": os.waitstatus_to_exitcode(os.waitpid(one, 0)[1])}
    plan: dict[str, tuple[Any, ...]] = {
        "killed worker": (1, 3, signal.SIGKILL),
        "killed chief": (0, 6, signal.SIGKILL),
        "ended worker": (1, 9, signal.SIGTERM),
        "restarted": (),
    }
    codes["uninterrupted"] = run(config_file, folder / "uninterrupted")
    for name, victim in plan.items():
        started = time.monotonic()
        codes[name] = run(config_file, folder / "killed", *victim)
        sys.stderr.write(f"{name}: {codes[name]} in {time.monotonic() - started:.1f} s\n")
    (folder / "codes.json").write_text(json.dumps(codes))


if __name__ == "__main__":
    main()
