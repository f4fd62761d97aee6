"""A program for test_embed.py: embeds once undisturbed, then once more while being killed again and again.

TensorFlow is imported once and each run is a fork, made before any of it is used: a process of its own that is killed
as hard as any other, without the ten seconds that the import takes.

Usage: killed_embeds.py CSV IMAGES FOLDER; writes FOLDER/undisturbed, FOLDER/killed and FOLDER/kills.json.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from tfland.recognition import embed, embed_parts
from tfland.recognition.embed_sources import CatalogPhotographs
from tfland.recognition.embedder import Embedder
from tfrecords_builder.terminal import Refused

# Parts of seven photographs: forty have six.
embed.PART_ROWS = embed_parts.PART_ROWS = 7


def dying(function: Callable[..., Any], calls: int, *, after: bool) -> Callable[..., Any]:
    """The function, but its n-th call is the process's last: before it does anything, or when it is done."""
    count = 0

    def wrapped(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == calls and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **options)
        if count == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def run(csv: str, images: str, out: Path, kill: tuple[int, bool] | None) -> int:
    """One process; returns its wait status, 0 if it came to its end."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    if kill is not None:
        # Every file of the job comes into being by a replacement.
        Path.replace = dying(Path.replace, kill[0], after=kill[1])  # type: ignore[method-assign]
        if kill[0] % 2:
            shutil.rmtree = dying(shutil.rmtree, 1, after=kill[1])
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 5, strides=3, activation="relu")(keras.layers.Rescaling(1 / 128)(image))
    network = keras.Model(image, {"embedding": keras.layers.Dense(6)(keras.layers.GlobalAveragePooling2D()(x))})
    config = embed.EmbedConfig(batch_size=3 if kill is None else 1 + kill[0])
    code = 0
    try:
        embed.embed(
            Embedder(network, [(32, 32)], "exact", flip=True), CatalogPhotographs(Path(csv), Path(images)), out, config
        )
    except Refused:
        code = 3
    os._exit(code)


def main(csv: str, images: str, folder: Path) -> None:
    statuses = [run(csv, images, folder / "undisturbed", None)]
    # A run dies at one of its first six files, before it or after it, until one comes to its end.
    for number in range(60):
        statuses.append(run(csv, images, folder / "killed", (1 + number % 6, number % 5 == 0)))
        if not os.WIFSIGNALED(statuses[-1]):
            break
    (folder / "kills.json").write_text(json.dumps(statuses))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
