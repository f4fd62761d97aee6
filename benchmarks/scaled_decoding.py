"""Measures what libjpeg's scaled decoding loses against the full decode, beside what JPEG quality 95 itself loses.

    python benchmarks/scaled_decoding.py [--photographs ../shared/data] [--limit 90]

libjpeg can leave out high frequencies while it decodes, so that a photograph comes out at 1/2, 1/4 or 1/8 of its size.
Both decodes are brought to the wanted size by area averaging and compared: PSNR (dB, over all channels; 8-bit range)
and SSIM (scikit-image, colour), medians over photographs. First table: by how many decoded pixels remain for each
wanted one on a side. Second table: our own way (`images.decode_image`, whose rule chooses the divisor) at usual sizes,
with the processor time of both. Without a folder, generated texture takes the photographs' place.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tfrecords_builder.images import ImageRefused, decode_image, encode_jpeg, read_bytes, read_header
from tfrecords_builder.jpeg_codec import decode_jpeg
from tfrecords_builder.resizing import decoding_divisor, fitted_size, resize

_REMAINING = (1.0, 1.15, 1.33, 1.56, 1.8, 2.0, 2.5, 3.0)
_DIVISORS = (2, 4, 8)
_SIDES = (128, 224, 256, 384, 512, 640, 800)
_QUALITY = 95
_SMALLEST_SIDE = 64  # SSIM of less says little
_GENERATED = (1600, 1200)


def photographs(folder: Path | None, limit: int) -> Iterator[bytes]:
    """Yields JPEGs: every n-th one below the folder, or generated ones."""
    if folder is None:
        rng = np.random.default_rng(0)
        for _ in range(limit):
            noise = rng.normal(size=(*_GENERATED[::-1], 3)).astype(np.float32)
            # Octaves of blurred noise: power falls with frequency, as in photographs.
            texture = sum(cv2.GaussianBlur(noise, (0, 0), 2.0**octave) * 4.0**octave for octave in range(6))
            spread = 48 * texture / np.std(texture)
            yield encode_jpeg(np.clip(128 + spread, 0, 255).astype(np.uint8), _QUALITY)
        return
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    for path in paths[:: max(1, len(paths) // limit)][:limit]:
        yield read_bytes(path)


def compare(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Returns PSNR in dB, at most 99, and SSIM of two photographs, uint8 [H, W, 3]."""
    if np.array_equal(first, second):
        return 99.0, 1.0
    return (
        float(peak_signal_noise_ratio(first, second)),
        float(structural_similarity(first, second, channel_axis=2)),
    )


def by_remaining(data: bytes, scores: dict[tuple[str, float], list[tuple[float, float]]]) -> None:
    """Compares every divisor where it leaves the given number of pixels for each wanted one."""
    header = read_header(data)
    full = decode_jpeg(data, header)
    if full is None:
        return
    for divisor in _DIVISORS:
        scaled = decode_jpeg(data, header, divisor)
        for remaining in _REMAINING:
            size = round(header.height / divisor / remaining), round(header.width / divisor / remaining)
            if scaled is None or min(size) < _SMALLEST_SIDE:
                continue
            wanted = resize(full, size)
            scores.setdefault((f"1/{divisor}", remaining), []).append(compare(wanted, resize(scaled, size)))
            if divisor == _DIVISORS[0]:
                encoded = simplejpeg.decode_jpeg(encode_jpeg(wanted, _QUALITY))
                scores.setdefault((f"quality {_QUALITY}", remaining), []).append(compare(wanted, encoded))


def by_side(data: bytes, scores: dict[int, list[tuple[float, ...]]]) -> None:
    """Compares our decoding with the full one at usual sizes: divisor, PSNR, SSIM, ms of both, what encoding loses."""
    header = read_header(data)
    for side in _SIDES:
        size = fitted_size(header.height, header.width, side)
        divisor = decoding_divisor(header.height, header.width, size)
        if divisor == 1 or header.orientation != 1:
            continue
        started = time.process_time()
        full = decode_jpeg(data, header)
        if full is None:
            return
        wanted = resize(full, size)
        middle = time.process_time()
        ours = decode_image(data, max_side=side)
        ended = time.process_time()
        encoded = simplejpeg.decode_jpeg(encode_jpeg(wanted, _QUALITY))
        row = (divisor, *compare(wanted, ours), (middle - started) * 1e3, (ended - middle) * 1e3)
        scores.setdefault(side, []).append((*row, *compare(wanted, encoded)))


def print_remaining(scores: dict[tuple[str, float], list[tuple[float, float]]]) -> None:
    """Prints the first table, PSNR / SSIM and the number of photographs."""
    print(f"{'pixels left for each wanted':<28}" + "".join(f"{remaining:>15}" for remaining in _REMAINING))
    for name in dict.fromkeys(name for name, _ in scores):
        cells = []
        for remaining in _REMAINING:
            values = scores.get((name, remaining), [])
            psnr, ssim = np.median(values, axis=0) if values else (np.nan, np.nan)
            cells.append(f"{psnr:>8.1f}/{ssim:.4f}" if values else f"{'-':>15}")
        count = max(len(values) for (other, _), values in scores.items() if other == name)
        print(f"{f'{name} ({count} photographs)':<28}" + "".join(cells))


def print_sides(scores: dict[int, list[tuple[float, ...]]]) -> None:
    """Prints the second table."""
    print(
        f"\n{'side':>6}{'photographs':>13}{'PSNR':>8}{'lowest':>8}{'SSIM':>9}{'lowest':>9}"
        f"{'q95 PSNR':>10}{'q95 SSIM':>10}{'full ms':>9}{'ours ms':>9}"
    )
    for side, rows in sorted(scores.items()):
        table = np.array(rows)
        _, psnr, ssim, full, ours, encoded_psnr, encoded_ssim = np.median(table, axis=0)
        print(
            f"{side:>6}{len(rows):>13}{psnr:>8.1f}{table[:, 1].min():>8.1f}{ssim:>9.4f}{table[:, 2].min():>9.4f}"
            f"{encoded_psnr:>10.1f}{encoded_ssim:>10.4f}{full:>9.1f}{ours:>9.1f}"
        )


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", type=Path, default=None, help="folder of JPEGs; default: generated ones")
    parser.add_argument("--limit", type=int, default=90, help="number of photographs")
    options = parser.parse_args()
    remaining: dict[tuple[str, float], list[tuple[float, float]]] = {}
    sides: dict[int, list[tuple[float, ...]]] = {}
    for data in photographs(options.photographs, options.limit):
        try:
            by_remaining(data, remaining)
            by_side(data, sides)
        except ImageRefused:
            continue  # such as a damaged one: it is refused in a build too
    print_remaining(remaining)
    print_sides(sides)


if __name__ == "__main__":
    main()
