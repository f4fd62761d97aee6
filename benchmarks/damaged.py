"""Builds shards from 2,000 damaged files and says what became of each kind.

    python benchmarks/damaged.py [--files N] [--seed N] [--out DIR]

Flipped bits and overwritten bytes, files cut short (also with their end marker put back, or padded with zeros), headers
of other formats, zip, gzip, XML, SVG, PNG and JPEG bombs, empty files, sizes of gigapixels, files in files, metadata
that lie. A file is `refused` with its reason in refused.csv or `built`: what is built decodes without an error in
TensorFlow, too. Its damage leaves well-formed data (many single bits of a JPEG; BMP, GIF and WebP have no checksums) or
lies where nobody looks (metadata, bytes after the end). `slowest` is the longest that one file took.
"""

import argparse
import gzip
import io
import os
import struct
import tempfile
import time
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

Maker = Callable[[np.random.Generator], bytes]
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
END = b"\xff\xd9"
ENTITIES = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
HEADERS = (
    b"II*\x00",
    b"8BPS\x00\x01",
    b"%PDF-1.7\n",
    b"\x00\x00\x00\x18ftypheic",
    b"\x00\x00\x00\x0cjP  ",
    b"\x7fELF\x02",
    b"MZ",
)


def picture(rng: np.random.Generator) -> np.ndarray:
    """A smooth picture with some noise: uint8 RGB."""
    height, width = rng.integers(24, 160, 2)
    coarse = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (int(width), int(height)), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


def encode(rng: np.random.Generator, format: str | None = None, **options: object) -> bytes:
    """A sound file, of a random format unless one is named."""
    format = format or str(rng.choice(FORMATS))
    if format == "JPEG":
        options = {"progressive": bool(rng.integers(2)), "subsampling": int(rng.integers(3)), **options}
    mode = str(rng.choice(["RGB", "RGB", "RGB", "L", "CMYK"])) if format == "JPEG" else "RGB"
    buffer = io.BytesIO()
    Image.fromarray(picture(rng)).convert(mode).save(buffer, format, **options)
    return buffer.getvalue()


def flip_bits(rng: np.random.Generator, data: bytes, count: int, start: int = 0) -> bytes:
    """The data with `count` bits flipped, all after byte `start`."""
    changed = bytearray(data)
    for place in rng.integers(start, len(data), count):
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def pixels_of(data: bytes) -> int:
    """Where the pixels of a JPEG begin."""
    return data.rindex(b"\xff\xda") + 14


def one_flip(rng: np.random.Generator) -> bytes:
    """A JPEG with one bit of its pixels flipped."""
    data = encode(rng, "JPEG")
    return flip_bits(rng, data, 1, pixels_of(data) if pixels_of(data) < len(data) - 2 else 0)


def many_flips(rng: np.random.Generator) -> bytes:
    """Bits flipped anywhere."""
    return flip_bits(rng, encode(rng), int(rng.integers(2, 60)))


def header_flips(rng: np.random.Generator) -> bytes:
    """Bits flipped among the first bytes."""
    data = encode(rng)
    return flip_bits(rng, data[:200], int(rng.integers(1, 4))) + data[200:]


def overwritten(rng: np.random.Generator) -> bytes:
    """A stretch of random bytes."""
    data = encode(rng)
    start, length = int(rng.integers(len(data))), int(rng.integers(1, 400))
    return data[:start] + rng.bytes(min(length, len(data) - start)) + data[start + length :]


def cut(rng: np.random.Generator) -> bytes:
    """The first part of a file."""
    data = encode(rng)
    return data[: int(rng.integers(1, len(data) - 1))]


def cut_and_closed(rng: np.random.Generator) -> bytes:
    """The first part of a JPEG, with its end marker put back."""
    data = encode(rng, "JPEG")
    return data[: int(rng.integers(20, len(data) - 2))] + END


def cut_and_padded(rng: np.random.Generator) -> bytes:
    """A download that stopped in a preallocated file."""
    data = encode(rng)
    kept = int(rng.integers(1, len(data)))
    return data[:kept] + bytes(len(data) - kept)


def other_header(rng: np.random.Generator) -> bytes:
    """The signature of another format, before pixels."""
    header = HEADERS[int(rng.integers(len(HEADERS)))]
    return header + encode(rng)[len(header) :]


def swapped_header(rng: np.random.Generator) -> bytes:
    """The header of one format, the rest of another."""
    return encode(rng)[: int(rng.integers(4, 64))] + encode(rng)[32:]


def empty(rng: np.random.Generator) -> bytes:
    """No bytes, or next to none."""
    return bytes(int(rng.integers(0, 3)))


def noise(rng: np.random.Generator) -> bytes:
    """Random bytes, perhaps after a JPEG signature."""
    return bytes([0xFF, 0xD8, 0xFF]) * int(rng.integers(2)) + rng.bytes(int(rng.integers(1, 4000)))


def zip_bomb(rng: np.random.Generator) -> bytes:
    """Megabytes of zeros, packed once or twice."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        # With a date of its own: writestr would take the time of day, and no two corpora would be equal.
        entry = zipfile.ZipInfo("a.jpg", date_time=(2020, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, bytes(1_000_000 * int(rng.integers(1, 9))))
    nested = buffer.getvalue()
    return gzip.compress(nested, mtime=0) if rng.integers(2) else nested


def svg_bomb(rng: np.random.Generator) -> bytes:
    """Entities that grow to gigabytes."""
    svg = f'<!DOCTYPE s [<!ENTITY a0 "ha">{ENTITIES}]><svg width="{rng.integers(9, 10**9)}">&a9;</svg>'
    return (b'<?xml version="1.0"?>' if rng.integers(2) else b"") + svg.encode()


def chunk(name: bytes, body: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_bomb(rng: np.random.Generator) -> bytes:
    """A small PNG of a huge picture, or with metadata that unpack to many megabytes."""
    side = int(rng.choice([9_000, 30_000, 60_000, 2**31 - 1])) if rng.integers(2) else 64
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    packed = zlib.compress(bytes(30_000_000), 9)
    extra = chunk(b"zTXt", b"Comment\x00\x00" + packed) if rng.integers(2) else chunk(b"iCCP", b"icc\x00\x00" + packed)
    return start + extra + chunk(b"IDAT", zlib.compress(bytes(64 * (64 * 3 + 1)))) + chunk(b"IEND", b"")


def huge_jpeg(rng: np.random.Generator) -> bytes:
    """A JPEG whose header claims another size, from gigapixels to none."""
    data = bytearray(encode(rng, "JPEG", progressive=False))
    start = data.index(b"\xff\xc0")
    sizes = ((65_535, 65_535), (0, 0), (8_900, 8_900), (1, 65_000), tuple(map(int, rng.integers(1, 400, 2))))
    data[start + 5 : start + 9] = struct.pack(">HH", *sizes[int(rng.integers(len(sizes)))])
    return bytes(data)


def scans_bomb(rng: np.random.Generator) -> bytes:
    """A progressive JPEG that claims 70 megapixels and goes over them again and again."""
    data = bytearray(encode(rng, "JPEG", progressive=True))
    start = data.index(b"\xff\xc2")
    data[start + 5 : start + 9] = struct.pack(">HH", 8_400, 8_400)
    data = bytes(data)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * int(rng.integers(20, 2000)) + END


def nested(rng: np.random.Generator) -> bytes:
    """A picture in the metadata of another, before it or after it; some lie about their length."""
    outer, inner = encode(rng, "JPEG"), encode(rng)
    kind = int(rng.integers(3))
    if kind == 0:
        return outer + inner
    if kind == 1:
        return inner[: len(inner) // 2] + outer
    length = min(len(inner) + 2, 65_535) if rng.integers(2) else int(rng.integers(2, 65_535))
    return outer[:2] + b"\xff\xe1" + struct.pack(">H", length) + inner + outer[2:]


def lying_exif(rng: np.random.Generator) -> bytes:
    """Random EXIF data before a sound picture."""
    block = b"Exif\x00\x00" + (b"II*\x00" if rng.integers(2) else b"MM\x00*") + rng.bytes(int(rng.integers(4, 400)))
    return encode(rng, "JPEG", exif=block)


MAKERS: dict[str, Maker] = {
    maker.__name__.replace("_", " "): maker
    for maker in (
        one_flip, many_flips, header_flips, overwritten, cut, cut_and_closed, cut_and_padded, other_header,
        swapped_header, empty, noise, zip_bomb, svg_bomb, png_bomb, huge_jpeg, scans_bomb, nested, lying_exif,
    )
}  # fmt: skip


def make_corpus(folder: Path, files: int, seed: int) -> dict[str, str]:
    """Writes `files` damaged files, train.csv and, so that a build finds something, one sound photograph.

    Returns:
        The kind of damage of each id.
    """
    kinds = {}
    (folder / "images").mkdir(parents=True)
    names = list(MAKERS)
    for number in range(files):
        kind = names[number % len(names)]
        image_id = f"{number:06d}"
        data = MAKERS[kind](np.random.default_rng([seed, number]))
        (folder / "images" / f"{image_id}.jpg").write_bytes(data)
        kinds[image_id] = kind
    (folder / "images/sound.jpg").write_bytes(encode(np.random.default_rng(seed), "JPEG"))
    rows = "\n".join(f"{image_id},{number % 7}" for number, image_id in enumerate([*kinds, "sound"]))
    (folder / "train.csv").write_text(f"id,landmark_id\n{rows}\n")
    return kinds


def build(folder: Path) -> tuple[dict[str, str], dict[str, bytes], dict[str, float]]:
    """Builds shards; returns the reason of each refused id, the JPEG of each built one, and the seconds of each."""
    from tfrecords_builder import shard_writer
    from tfrecords_builder.config import BuildConfig
    from tfrecords_builder.csv_table import read_columns
    from tfrecords_builder.schema import from_example_bytes
    from tfrecords_builder.shards import build_shards
    from tfrecords_builder.tfrecord import read_records

    seconds, prepare = {}, shard_writer.make_record

    def timed(task, image_id, *rest):
        started = time.perf_counter()
        try:
            return prepare(task, image_id, *rest)
        finally:
            seconds[image_id] = time.perf_counter() - started

    shard_writer.make_record = timed
    try:
        build_shards(BuildConfig(csv=folder / "train.csv", images=folder / "images", out=folder / "shards"))
    finally:
        shard_writer.make_record = prepare
    table = read_columns(folder / "shards/refused.csv", ["id", "reason", "detail"], allow_empty=True)
    paths = sorted((folder / "shards").glob("*.tfrecord"))
    records = [from_example_bytes(data) for path in paths for data in read_records(path)]
    built = {record.image_id: record.encoded for record in records if record.image_id != "sound"}
    return dict(zip(table["id"], table["reason"], strict=True)), built, seconds


def main() -> None:
    """Makes the corpus, builds it and prints the table; fails where a file is in neither list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None, help="keep the corpus here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.out or Path(temporary)) / "corpus"
        kinds = make_corpus(folder, arguments.files, arguments.seed)
        refused, built, seconds = build(folder)
    assert refused.keys() | built.keys() == kinds.keys()
    assert not refused.keys() & built.keys()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    for data in built.values():
        tf.io.decode_jpeg(data, channels=3)
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for image_id, kind in kinds.items():
        table[kind][refused.get(image_id, "built")] += 1
    print("| damage | files | built | refused | slowest |\n|---|---|---|---|---|")
    for kind, counts in table.items():
        slowest = max(seconds[image_id] for image_id in kinds if kinds[image_id] == kind)
        reasons = ", ".join(f"{count} {reason}" for reason, count in counts.most_common() if reason != "built")
        print(f"| {kind} | {sum(counts.values())} | {counts['built']} | {reasons} | {1e3 * slowest:.0f} ms |")
    print(f"| all | {len(kinds)} | {len(built)} | {len(refused)} | {1e3 * max(seconds.values()):.0f} ms |")


if __name__ == "__main__":
    main()
