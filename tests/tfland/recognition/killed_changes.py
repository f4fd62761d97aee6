"""A program for test_embeddings.py: appends to an index while being killed at every rename.

Usage: killed_changes.py INDEX NEW OUT.json; writes for every run how it ended and which ids a reader then finds.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfland.recognition.embeddings import Embeddings, change_index


def dying(function: Callable[..., Any], calls: list[int]) -> Callable[..., Any]:
    """The function, but this process is killed before the call that takes the last of `calls`."""

    def wrapped(*arguments: Any, **options: Any) -> Any:
        calls[0] -= 1
        if calls[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    return wrapped


def run(index: Path, new: Embeddings, kill_at: int) -> int:
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    calls = [kill_at]
    Path.rename, Path.replace = dying(Path.rename, calls), dying(Path.replace, calls)  # type: ignore[method-assign]
    change_index(index, None, lambda rows: rows.append(new))
    os._exit(0)


def main(index: Path, new: Path, out: Path) -> None:
    added, ended = Embeddings.load(new), []
    for kill_at in range(1, 20):
        code = run(index, added, kill_at)
        ended.append([code, "".join(Embeddings.load(index).ids)])
        if code == 0:
            break
    out.write_text(json.dumps(ended))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
