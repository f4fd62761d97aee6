"""A large body on its way to disk: where a transfer breaks off, the next request asks for the rest (RFC 9110, 14)."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from tfrecords_builder.download_failures import DownloadFailed, Failure
from tfrecords_builder.json_files import read_object, write_json

_NEW, _REST = 200, 206
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """Which body a partial file is the beginning of.

    Attributes:
        url: where it was asked for.
        validator: its ETag or Last-Modified; without one, nothing says that a rest belongs to it.
        length: in bytes, or None if the server did not say.
    """

    url: str
    validator: str
    length: int | None


class PartialFile:
    """Writes a body to a file, to which a later run may append; a context, and a `fetch.Sink`.

    What it is the beginning of stands beside it in NAME.json. Whether the whole is right, its MD5 must tell: the file
    of a machine that lost its power may hold anything.

    Args:
        path: the file; removed with NAME.json by `remove`, or moved away by the caller.
        url: what is fetched. The beginning of something else is not used.
    """

    def __init__(self, path: Path, url: str) -> None:
        self._path, self._url = path, url
        self._note = path.with_name(f"{path.name}.json")

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = self._path.open("ab")
        self._origin = self._read_note()
        if self._origin is None:
            self._forget()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self._file.tell()

    @property
    def is_whole(self) -> bool:
        """Whether as many bytes are there as the server announced."""
        return self._origin is not None and 0 < self.size == self._origin.length

    def request_headers(self) -> dict[str, str]:
        """Returns Range and If-Range for the bytes that are missing, or nothing if all are."""
        if self._origin is None or not self.size:
            return {}
        # The range alone would also be served from a body that has changed meanwhile.
        return {"Range": f"bytes={self.size}-", "If-Range": self._origin.validator}

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """Keeps the bytes that are there if the response goes on behind them, and drops them if it starts anew.

        Raises:
            DownloadFailed: it does neither; the next request is for the whole.
        """
        if status == _NEW:
            self._forget()
            self._remember(headers)
        elif not self._is_the_rest(status, headers):
            self._forget()
            raise DownloadFailed(Failure.WRONG_LENGTH, f"status {status} with another range than was asked for")
        return self.size

    async def add(self, piece: bytes) -> None:
        """Appends a piece."""
        self._file.write(piece)

    def remove(self) -> None:
        """Removes the file and what stands beside it."""
        self._path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _is_the_rest(self, status: int, headers: Mapping[str, str]) -> bool:
        found = _RANGE.fullmatch(headers.get("Content-Range", ""))
        if status != _REST or found is None or self._origin is None or "Content-Encoding" in headers:
            return False
        same_length = found[2] == "*" or self._origin.length in (None, int(found[2]))
        known = self._origin.validator
        same_body = not _is_tag(known) or headers.get("ETag", known) == known
        return int(found[1]) == self.size and same_length and same_body

    def _forget(self) -> None:
        # First the bytes: a kill in between leaves an empty file, which nothing is appended to.
        self._file.truncate(0)
        self._file.seek(0)
        self._note.unlink(missing_ok=True)
        self._origin = None

    def _remember(self, headers: Mapping[str, str]) -> None:
        tag = headers.get("ETag", "")
        # A weak tag (W/…) may stand for two bodies; and bytes that were decoded here cannot be counted there.
        validator = tag if _is_tag(tag) else headers.get("Last-Modified", "")
        if not validator or "Content-Encoding" in headers:
            return
        length = headers.get("Content-Length", "")
        self._origin = _Origin(url=self._url, validator=validator, length=int(length) if length.isdecimal() else None)
        write_json(self._note, asdict(self._origin))

    def _read_note(self) -> _Origin | None:
        try:
            origin = _Origin(**read_object(self._note))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):  # damaged: the body is asked for anew
            return None
        return origin if origin.url == self._url else None


def _is_tag(text: str) -> bool:
    return text.startswith('"')
