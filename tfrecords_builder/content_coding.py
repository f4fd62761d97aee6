"""Undoes a response's Content-Encoding without ever giving more bytes than were asked for."""

import zlib

from tfrecords_builder.download_failures import DownloadFailed, Failure

_COMPRESSED = ("gzip", "x-gzip", "deflate")
# Tells zlib to take both its own header and gzip's.
_GZIP_OR_ZLIB = 47


class Decoder:
    """Undoes the encoding of one body.

    Args:
        encoding: the header Content-Encoding, or "".

    Raises:
        DownloadFailed: the encoding is not read.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in ("", "identity", *_COMPRESSED):
            raise DownloadFailed(Failure.BAD_ENCODING, f"Content-Encoding {self._encoding[:40]!r} is not read")
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB) if self._encoding in _COMPRESSED else None

    def decode(self, piece: bytes, most: int) -> bytes:
        """Returns a piece decoded: of a compressed one at most `most` bytes, the rest being lost.

        Raises:
            DownloadFailed: it is not what the header says.
        """
        if self._inflater is None:
            return piece
        try:
            return self._inflater.decompress(piece, most)
        except zlib.error as error:
            raise DownloadFailed(Failure.BAD_ENCODING, f"broken {self._encoding}: {error}") from error

    def finish(self) -> None:
        """Called after the last piece.

        Raises:
            DownloadFailed: there should have been more.
        """
        if self._inflater is not None and not self._inflater.eof:
            raise DownloadFailed(Failure.BAD_ENCODING, f"incomplete {self._encoding}")
