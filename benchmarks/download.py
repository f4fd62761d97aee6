"""Times `tfland build download` beside img2dataset and beside a plain loop, and its ledger at GLDv2's size.

    python benchmarks/download.py [--images N] [--repeats N] [--rows N] [--peer-venv DIR]
    python benchmarks/download.py --images 100 --repeats 1 --rows 100000    (half a minute)

The photographs are those of benchmarks/build.py, from an HTTP server in a process of its own, whose processor time is
listed apart. All keep the files as they came:

- ours checks each (its header, its end, its sha256), flushes it to disk and notes it in the ledger;
- img2dataset decodes and resizes nothing (--resize_mode no --skip_reencode), two processes of 16 threads, and hashes;
- the loop is aiohttp and asyncio.gather with 16 connections: no check, no flush, no ledger. It is the limit.

Seconds and processor time are of whole processes; start-up is the processor time of the same command with one
photograph. On a shared machine the processor times are the ones to trust.

`--rows`: a CSV of that many URLs goes into a new ledger, then again (recognised by its sha256), then another CSV with
every URL changed. GLDv2's train.csv has 4,132,914 rows. 0 leaves this out.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from build import ROOT, SIZES, make_photographs, serve, write_urls

CONNECTIONS = 16
GLDV2_ROWS = 4_132_914
LOOP = f"""
import asyncio, csv, sys
from pathlib import Path
import aiohttp
async def main():
    out = Path(sys.argv[2])
    out.mkdir()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit={CONNECTIONS})) as session:
        async def fetch(row):
            async with session.get(row["url"]) as response:
                (out / row["id"]).write_bytes(await response.read())
        with open(sys.argv[1]) as file:
            await asyncio.gather(*map(fetch, csv.DictReader(file)))
asyncio.run(main())
"""
IMPORT = """
import sys
from pathlib import Path
from tfrecords_builder.ledger import open_ledger
from tfrecords_builder.ledger_import import import_urls
with open_ledger(Path(sys.argv[2])) as ledger:
    import_urls(ledger, Path(sys.argv[1]))
    ledger.pending_hosts(), ledger.count("pending"), ledger.count("done"), ledger.count("failed")
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024)
"""


def measured(line: list[object]) -> tuple[float, float, str]:
    """Runs a command; returns its seconds, the processor time of all its processes and what it printed."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(list(map(str, line)), cwd=ROOT, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        output.seek(0)
        said = output.read().decode()
        if process.returncode:
            raise RuntimeError(f"{line}: {said[-2000:]}")
    return seconds, usage.ru_utime + usage.ru_stime, said


def ours(urls: Path, out: Path) -> list[object]:
    """`build download`."""
    line = [sys.executable, "-m", "tfrecords_builder", "download", "--csv", urls, "--out", out, "--rate", 10_000]
    line += ["--contact", "benchmark@example.org", "--allow-private-hosts", "127.0.0.0/8"]
    return [*line, "--per-host", CONNECTIONS]


def peer(venv: Path, count: int) -> Callable[[Path, Path], list[object]]:
    """img2dataset, which keeps the bytes."""

    def command(urls: Path, out: Path) -> list[object]:
        line = [venv / "bin/img2dataset", "--url_list", urls, "--input_format", "csv", "--url_col", "url"]
        line += ["--output_folder", out, "--output_format", "files", "--resize_mode", "no", "--skip_reencode", "True"]
        line += ["--processes_count", 2, "--thread_count", CONNECTIONS, "--enable_wandb", "False"]
        return [*line, "--number_sample_per_shard", -(-count // 2)]

    return command


def loop(urls: Path, out: Path) -> list[object]:
    """The plain loop."""
    return [sys.executable, "-c", LOOP, urls, out]


def processor_time(process: int) -> float:
    """Processor time of a running process, in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stored(out: Path) -> int:
    """Photographs that a tool has written."""
    files = (path for path in out.rglob("*") if path.is_file() and ".download" not in path.parts)
    return sum(path.suffix in ("", ".jpg") for path in files)


def compare(name: str, count: int, repeats: int, venv: Path, work: Path) -> None:
    """Prints the table of one size of photographs."""
    folder = make_photographs(work / name.replace(" ", ""), count, *SIZES[name])
    size = sum(path.stat().st_size for path in folder.rglob("*.jpg")) / count
    context = multiprocessing.get_context("spawn")
    port: multiprocessing.Queue = context.Queue()
    server = context.Process(target=serve, args=(folder / "images", port), daemon=True)
    server.start()
    urls = write_urls(folder, f"http://127.0.0.1:{port.get()}/")
    one = folder / "one.csv"
    one.write_text("".join(urls.read_text().splitlines(keepends=True)[:2]))
    tools = {"`build download`": ours, "img2dataset, bytes kept": peer(venv, count), "aiohttp loop": loop}
    print(f"\n{name}, {count} photographs of {size / 1e6:.2f} MB, best of {repeats}\n")
    print("| | photographs/s | processor ms each | start-up, s | without start-up, ms | server, ms each |")
    print("|---|---|---|---|---|---|")
    for label, command in tools.items():
        with tempfile.TemporaryDirectory(dir=work) as scratch:
            start_up = measured(command(one, Path(scratch) / "one"))[1]
            runs = []
            for turn in range(repeats):
                out, before = Path(scratch) / str(turn), processor_time(server.pid or 0)
                seconds, processor, _ = measured(command(urls, out))
                runs.append((seconds, processor, processor_time(server.pid or 0) - before))
                assert stored(out) == count, f"{label} stored {stored(out)} of {count} photographs"
            seconds, processor, served = (min(values) for values in zip(*runs, strict=True))
            each = 1e3 * processor / count
            rest = 1e3 * (processor - start_up) / count
            line = f"| {label} | {count / seconds:.0f} | {each:.2f} | {start_up:.2f} | {rest:.2f} "
            print(f"{line}| {1e3 * served / count:.2f} |", flush=True)
            if command is ours:
                again = measured(command(urls, out))
    print(f"\n`build download` once more, with nothing left to fetch: {again[0]:.2f} s, {again[1]:.2f} s of processor")
    server.terminate()


def write_rows(path: Path, rows: int, host: str) -> Path:
    """Writes a CSV of URLs as long as those of GLDv2."""
    with path.open("w") as file:
        file.write("id,url,landmark_id\n")
        for number in range(rows):
            name = f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"
            file.write(
                f"{name},https://{host}/wikipedia/commons/{name[0]}/{name[:2]}/A_landmark_{number}.jpg,{number}\n"
            )
    return path


def measure_ledger(rows: int, work: Path) -> None:
    """Prints the times of a ledger."""
    first = write_rows(work / "first.csv", rows, "upload.wikimedia.org")
    other = write_rows(work / "other.csv", rows, "mirror.example.org")
    print(f"\n{rows} URLs\n\n| ledger | s | processor s | peak MiB | file, MB |\n|---|---|---|---|---|")
    for label, csv in (("new", first), ("the same CSV again", first), ("every URL changed", other)):
        seconds, processor, memory = measured([sys.executable, "-c", IMPORT, csv, work / "ledger"])
        size = (work / "ledger/.download/ledger.sqlite").stat().st_size / 1e6
        print(f"| {label} | {seconds:.1f} | {processor:.1f} | {memory.strip()} | {size:.0f} |", flush=True)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=GLDV2_ROWS)
    parser.add_argument("--peer-venv", type=Path, default=Path(tempfile.gettempdir()) / "img2dataset_venv")
    arguments = parser.parse_args()
    venv = arguments.peer_venv
    if not (venv / "bin/img2dataset").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "--quiet", "img2dataset"], check=True)
    with tempfile.TemporaryDirectory() as temporary:
        for name in SIZES if arguments.images else ():
            compare(name, arguments.images, arguments.repeats, venv, Path(temporary))
        if arguments.rows:
            measure_ledger(arguments.rows, Path(temporary))


if __name__ == "__main__":
    main()
