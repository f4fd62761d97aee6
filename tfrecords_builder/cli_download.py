"""The command `build download`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import typer.core

from tfrecords_builder.option_groups import grouped
from tfrecords_builder.terminal import Refused

if TYPE_CHECKING:
    from tfrecords_builder.download import DownloadResult
    from tfrecords_builder.download_config import FetchConfig

_RETRY = "--retry-failed"
_EVERY_REASON = "all"


class DownloadCommand(typer.core.TyperCommand):
    """Lets --retry-failed stand without a value, which typer's options cannot."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Gives a bare --retry-failed the value that stands for every reason."""
        whole = [f"{_RETRY}={_EVERY_REASON}" if arg.replace("_", "-") == _RETRY else arg for arg in args]
        return super().parse_args(ctx, whole)


@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """How servers are asked."""

    rate: Annotated[float, typer.Option(help="Requests per second to one host.")] = 5.0
    per_host: Annotated[int, typer.Option(help="Connections to one host.")] = 2
    concurrency: Annotated[int, typer.Option(help="Connections in all.")] = 16
    attempts: Annotated[int, typer.Option(help="Requests for one URL before it has failed.")] = 4
    max_bytes: Annotated[int, typer.Option(help="Largest photograph.", metavar="BYTES")] = 64 * 1024 * 1024
    connect_seconds: Annotated[float, typer.Option(help="Deadline of a connection.")] = 15.0
    read_seconds: Annotated[float, typer.Option(help="Deadline of the next bytes.")] = 30.0
    total_seconds: Annotated[float, typer.Option(help="Deadline of a request in all.")] = 180.0
    max_wait_seconds: Annotated[float, typer.Option(help="Longest pause that a server may ask for.")] = 300.0
    backoff_seconds: Annotated[float, typer.Option(help="First pause after a passing fault; then doubled.")] = 1.0
    allow_private_hosts: Annotated[
        list[str] | None,
        typer.Option(help="Addresses that may be asked though not public, such as a mirror's.", metavar="NETWORK,…"),
    ] = None
    seed: Annotated[int, typer.Option(help="Of the pauses' random part.")] = 0

    def read(self, contact: str) -> "FetchConfig":
        """Returns the settings that the options describe, with the contact that the servers' owners see.

        Raises:
            ValueError: one of them cannot be.
        """
        from tfrecords_builder.download_config import FetchConfig, parse_networks

        return FetchConfig(
            contact=contact,
            rate=self.rate,
            per_host=self.per_host,
            concurrency=self.concurrency,
            attempts=self.attempts,
            backoff_s=self.backoff_seconds,
            max_wait_s=self.max_wait_seconds,
            connect_s=self.connect_seconds,
            read_s=self.read_seconds,
            total_s=self.total_seconds,
            max_bytes=self.max_bytes,
            private_networks=parse_networks(self.allow_private_hosts or []),
            seed=self.seed,
        )


@grouped
def download(
    *,
    out: Annotated[Path, typer.Option(help="Folder for the photographs, a/b/c/abc….jpg.", metavar="DIR")],
    contact: Annotated[
        str, typer.Option(help="Mail address or https page at which servers' owners reach you.", metavar="MAIL|URL")
    ],
    csv: Annotated[Path | None, typer.Option(help="id,url,… such as GLDv2's train.csv.", metavar="CSV")] = None,
    archives: Annotated[
        str, typer.Option(help="In place of --csv: where GLDv2's images_000.tar … lie.", metavar="URL|DIR")
    ] = "",
    md5: Annotated[str, typer.Option(help="Where the archives' md5.images_000.txt … lie.", metavar="URL|DIR")] = "",
    numbers: Annotated[
        str, typer.Option(help="Of the archives: train 0-499, index 0-99, test 0-19.", metavar="A-B")
    ] = "",
    retry_failed: Annotated[
        str | None,
        typer.Option(
            _RETRY,
            help="Ask again for URLs that failed; --retry-failed=http_429,timeout: for these reasons.",
            metavar="[=REASON,…]",
        ),
    ] = None,
    asking: FetchOptions,
) -> None:
    """Download photographs politely; run again to go on; failures are listed in failed.csv (exit code 3)."""
    from tfrecords_builder.download_config import DownloadConfig
    from tfrecords_builder.download_failures import parse_reasons

    fetch = asking.read(contact)
    reasons = None if retry_failed is None else parse_reasons(retry_failed)
    if (csv is None) == (not archives):
        raise ValueError("give either --csv (URLs) or --archives with --md5 and --numbers (GLDv2's tar files)")
    _require_http_library()
    if csv is not None:
        from tfrecords_builder.download import download_photographs

        _tell(download_photographs(DownloadConfig(csv=csv, out=out, fetch=fetch, retry_failed=reasons)), out)
    else:
        from tfrecords_builder.tar_download import TarConfig, download_archives

        first, last = _parse_numbers(numbers)
        config = TarConfig(archives=archives, md5=md5, first=first, last=last, out=out, fetch=fetch)
        _tell(download_archives(config), out)


def _parse_numbers(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not (first.isdecimal() and (last.isdecimal() or not dash)):
        raise ValueError(f"--numbers {text!r}: expected the numbers of archives such as 0-499 or 7")
    return int(first), int(last or first)


def _tell(result: "DownloadResult", out: Path) -> None:
    from tfrecords_builder.schema import FAILED_FILE

    typer.echo(f"{out}: {result.done} photographs")
    if result.failed:
        reasons = ", ".join(f"{count} {reason}" for reason, count in result.reasons.items())
        raise Refused(
            f"{result.failed} failures ({reasons}) are listed in {out / FAILED_FILE}; {_RETRY} asks for URLs again"
        )


def _require_http_library() -> None:
    try:
        import aiohttp  # noqa: F401 - only whether it is there
    except ModuleNotFoundError as error:
        raise ValueError("downloads need aiohttp: pip install 'tfland[download]'") from error
