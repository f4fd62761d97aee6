"""Reads the URLs of a CSV file row by row: GLDv2's train.csv has four million, which need not be in memory."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tfrecords_builder.download_failures import DownloadFailed, Failure
from tfrecords_builder.ids import validate_id
from tfrecords_builder.schema import ID, URL

_SCHEMES = ("http", "https")
_MAX_URL_LENGTH = 8000
# Nearly every URL: neither port nor user nor brackets. The standard library takes eight times as long, half a minute
# for GLDv2.
_PLAIN_URL = re.compile(r"https?://([A-Za-z0-9.\-]+)(?:/[!-~]*)?")


class UrlRow(NamedTuple):
    """One row of the file: its line, the photograph's id and its URL."""

    line: int
    image_id: str
    url: str


def read_urls(path: Path) -> Iterator[UrlRow]:
    """Yields the rows of a CSV file with the columns id and url, such as GLDv2's train.csv (id,url,landmark_id).

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, a row has another number of fields, or an id cannot be a file name.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no CSV file at {path}")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            width, id_place, url_place = _places(path, next(rows, []))
            for fields in rows:
                line = rows.line_num
                if len(fields) != width:
                    raise ValueError(f"{path}, line {line}: {len(fields)} fields, its header has {width}")
                try:
                    image_id = validate_id(fields[id_place])
                except ValueError as error:
                    raise ValueError(f"{path}, line {line}: {error}") from error
                yield UrlRow(line, image_id, fields[url_place].strip())
        except csv.Error as error:
            raise ValueError(f"{path}, line {rows.line_num}: {error}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8 text: {error}") from error


def _places(path: Path, fields: list[str]) -> tuple[int, int, int]:
    """Returns how many columns a header has, and the places of id and url."""
    header = [column.strip() for column in fields]
    if not any(header):
        raise ValueError(f"{path} is empty: expected a header line such as id,url,landmark_id")
    missing = [column for column in (ID, URL) if column not in header]
    if missing:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}; its header is {','.join(header)}. URLs stand in GLDv2's own "
            "train.csv (id,url,landmark_id), not in Kaggle's"
        )
    return len(header), header.index(ID), header.index(URL)


def host_of(url: str) -> str:
    """Returns the host of an http or https URL, in lower case.

    Raises:
        DownloadFailed: it is another or no URL, or holds a password.
    """
    if len(url) > _MAX_URL_LENGTH:
        raise DownloadFailed(Failure.BAD_URL, f"{len(url)} characters, at most {_MAX_URL_LENGTH} are asked for")
    plain = _PLAIN_URL.fullmatch(url)
    if plain is not None:
        return plain[1].lower()
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises where it is no number
    except ValueError as error:
        raise DownloadFailed(Failure.BAD_URL, str(error)) from error
    if parts.scheme not in _SCHEMES:
        raise DownloadFailed(Failure.BAD_URL, f"scheme {parts.scheme!r}: only http and https are asked for")
    if not host:
        raise DownloadFailed(Failure.BAD_URL, "no host")
    if parts.username is not None or parts.password is not None:
        raise DownloadFailed(Failure.BAD_URL, "it holds a user name")
    return host
