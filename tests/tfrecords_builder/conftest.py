"""Photographs, broken files and catalogues that the tests make for themselves."""

import asyncio
import csv
import functools
import io
import os
import shutil
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tfrecords_builder.config import BuildConfig
from tfrecords_builder.rate_limit import Clock
from tfrecords_builder.shards import build_shards

ROOT = Path(__file__).resolve().parents[2]
REAL_DATA = ROOT / "../shared/data"


@pytest.fixture(scope="session")
def tf():
    """TensorFlow, which reads back what is written without it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow

    return tensorflow


@pytest.fixture(scope="session")
def real_data() -> Path:
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real photographs at {REAL_DATA}")
    return REAL_DATA


@pytest.fixture(scope="session")
def scene() -> Callable[..., np.ndarray]:
    """A smooth, asymmetric picture whose corners differ: uint8 RGB [H, W, 3]."""

    def make(height: int = 40, width: int = 60, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        coarse = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
        return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)

    return make


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """Encodes an array or a Pillow image with Pillow."""

    def make(image: np.ndarray | Image.Image, format: str = "JPEG", **options) -> bytes:
        if isinstance(image, np.ndarray):
            image = Image.fromarray(image)
        if format == "JPEG":
            options = {"quality": 95, "subsampling": 0, **options}
        buffer = io.BytesIO()
        image.save(buffer, format, **options)
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def png_header() -> Callable[[int, int], bytes]:
    """A PNG that claims a size and holds next to nothing: a bomb."""

    def make(width: int, height: int) -> bytes:
        def chunk(name: bytes, body: bytes) -> bytes:
            return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        data = zlib.compress(bytes(1000))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")

    return make


@pytest.fixture(scope="session")
def jpeg_claiming(scene, encode) -> Callable[[int, int], bytes]:
    """A small JPEG whose header claims another size."""

    def make(width: int, height: int) -> bytes:
        data = bytearray(encode(scene()))
        start = data.index(b"\xff\xc0")
        data[start + 5 : start + 9] = struct.pack(">HH", height, width)
        return bytes(data)

    return make


@pytest.fixture(scope="session")
def store() -> Callable[[Path, str, bytes], Path]:
    """Writes a photograph at a/b/c/abc….jpg."""

    def write(root: Path, image_id: str, data: bytes) -> Path:
        path = root / image_id[0] / image_id[1] / image_id[2] / f"{image_id}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return write


@pytest.fixture(scope="session")
def write_csv() -> Callable[..., Path]:
    def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
        return path

    return write


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory, scene, encode, store, write_csv) -> tuple[Path, Path]:
    """(train.csv, folder): 24 photographs of three landmarks (12, 8 and 4). Tests only read it."""
    folder = tmp_path_factory.mktemp("catalogue")
    rows = []
    for number in range(24):
        image_id = f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"
        landmark = 7 if number < 12 else 300 if number < 20 else 1042
        store(folder / "images", image_id, encode(scene(seed=number)))
        rows.append((image_id, landmark))
    return write_csv(folder / "train.csv", ("id", "landmark_id"), rows), folder / "images"


@pytest.fixture(scope="session")
def spoilt_catalogue(catalogue, tmp_path_factory) -> tuple[Path, Path]:
    """The catalogue with three photographs that are refused: empty, missing, truncated. Tests only read it."""
    folder = tmp_path_factory.mktemp("spoilt")
    shutil.copytree(catalogue[1], folder / "images")
    photographs = sorted((folder / "images").rglob("*.jpg"))
    photographs[0].write_bytes(b"")
    photographs[9].unlink()
    photographs[17].write_bytes(photographs[17].read_bytes()[:100])
    return catalogue[0], folder / "images"


@pytest.fixture(scope="session")
def built(catalogue, tmp_path_factory) -> Callable[[int], Path]:
    """A build of the catalogue in a number of shards, without further options. Tests only read it."""

    @functools.cache
    def build(num_shards: int) -> Path:
        out = tmp_path_factory.mktemp("built") / "out"
        build_shards(BuildConfig(csv=catalogue[0], images=catalogue[1], out=out, num_shards=num_shards))
        return out

    return build


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """All files of a folder, hidden ones too, by their path in it."""

    def read(folder: Path) -> dict[str, bytes]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return read


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess]:
    """Runs `python -m tfrecords_builder …`."""

    def run(*arguments: object) -> subprocess.CompletedProcess:
        line = [sys.executable, "-m", "tfrecords_builder", *map(str, arguments)]
        return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)

    return run


class HostileServer(socketserver.ThreadingTCPServer):
    """An HTTP server on 127.0.0.1 that answers in bytes which the test chose.

    Attributes:
        replies: what each path gets: bytes, or a function of (connection, how many requests of the path before).
        requests: (path, headers in lower case) of every request, in order.
        closing: set when the test is over; what hangs waits for it.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
    most_requests = 5000

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.replies: dict[str, bytes | Callable[[socket.socket, int], None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()

    def url(self, path: str, *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.server_address[1]}{path}"

    def count(self, path: str) -> int:
        return sum(name == path for name, _ in self.requests)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what is tested."""


class _Answer(socketserver.StreamRequestHandler):
    timeout = 5
    server: HostileServer

    def handle(self) -> None:
        path = self.rfile.readline().decode("latin-1").split(" ")[1]
        headers = {}
        while line := self.rfile.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        before = self.server.count(path)
        self.server.requests.append((path, headers))
        if len(self.server.requests) > self.server.most_requests:
            raise RuntimeError("the client asks without end")
        reply = self.server.replies.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        if callable(reply):
            reply(self.connection, before)
        else:
            self.connection.sendall(reply)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield running
        running.closing.set()
        running.shutdown()


@pytest.fixture(scope="session")
def reply() -> Callable[..., bytes]:
    """The bytes of a response."""

    def make(body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body

    return make


class FakeClock(Clock):
    """Time that passes only by sleeping.

    Attributes:
        time: now, in seconds.
        slept: every pause.
    """

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.time + seconds
        await asyncio.sleep(0)
        self.time = max(self.time, until)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
