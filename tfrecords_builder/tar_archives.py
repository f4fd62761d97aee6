"""GLDv2's archives of photographs: images_000.tar … with md5.images_000.txt beside, opened without trust.

Only regular files at a/b/c/abc….jpg are taken, and their bytes are written by us to a path that we make: names that
lead elsewhere, links, devices and sparse files are refused and listed.
"""

import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tfrecords_builder.download_failures import DownloadFailed, Failure
from tfrecords_builder.ids import validate_id
from tfrecords_builder.photograph_files import store_photograph

MAX_NUMBER = 999
_MEMBER = re.compile(r"(?:\./)?([^/])/([^/])/([^/])/([^/]+)\.jpg")
_MD5_LINE = re.compile(r"([0-9a-fA-F]{32})(?:\s+\*?(\S+))?\s*")
_MAX_REFUSED = 1000
_MAX_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class RefusedMember:
    """A member of an archive that was not stored.

    Attributes:
        name: as in the archive.
        reason: the typed reason.
        detail: one line for a person.
    """

    name: str
    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """What became of an archive's members.

    Attributes:
        photographs: stored.
        refused: not stored.
    """

    photographs: int
    refused: tuple[RefusedMember, ...]


def archive_name(number: int) -> str:
    """Returns images_000.tar for 0."""
    return f"images_{number:03d}.tar"


def md5_name(archive: str) -> str:
    """Returns md5.images_000.txt for images_000.tar."""
    return f"md5.{archive.removesuffix('.tar')}.txt"


def parse_md5(text: str, archive: str) -> str:
    """Returns the digest in an archive's MD5 file, in lower case.

    Raises:
        DownloadFailed: it holds none, or that of another archive.
    """
    match = _MD5_LINE.fullmatch(text)
    if match is None:
        raise DownloadFailed(Failure.NO_MD5, f"{md5_name(archive)} holds {text[:40]!r}, not an MD5 and a name")
    if match[2] is not None and Path(match[2]).name != archive:
        raise DownloadFailed(Failure.NO_MD5, f"{md5_name(archive)} is about {match[2][:80]!r}")
    return match[1].lower()


def extract(archive: Path, out: Path, max_bytes: int) -> Extracted:
    """Stores an archive's photographs at a/b/c/abc….jpg below `out`.

    Args:
        archive: an uncompressed tar file.
        out: folder of the photographs.
        max_bytes: largest photograph.

    Raises:
        DownloadFailed: the file is no tar archive, or hardly any of it is photographs.
        OSError: a photograph cannot be written.
    """
    photographs = 0
    refused: list[RefusedMember] = []
    try:
        # "r:": not compressed; a few bytes cannot then become many.
        with tarfile.open(archive, "r:") as tar:
            while (member := tar.next()) is not None:
                # The list of members, which nobody needs again, would grow with the archive.
                tar.members.clear()  # type: ignore[attr-defined]
                if member.isdir():
                    continue
                try:
                    _store(tar, member, out, max_bytes)
                    photographs += 1
                except DownloadFailed as failure:
                    name = member.name[:_MAX_SHOWN]
                    refused.append(RefusedMember(name=name, reason=failure.reason, detail=failure.detail))
                if len(refused) > _MAX_REFUSED:
                    raise DownloadFailed(Failure.NOT_A_TAR, f"more than {_MAX_REFUSED} members had to be refused")
    except (tarfile.TarError, EOFError) as error:
        raise DownloadFailed(Failure.NOT_A_TAR, str(error)[:_MAX_SHOWN]) from error
    return Extracted(photographs=photographs, refused=tuple(refused))


def _store(tar: tarfile.TarFile, member: tarfile.TarInfo, out: Path, max_bytes: int) -> None:
    image_id = member_id(member)
    if member.size > max_bytes:
        raise DownloadFailed(Failure.TOO_LARGE, f"{member.size} bytes, the limit is {max_bytes}")
    file = tar.extractfile(member)
    data = file.read(max_bytes + 1) if file is not None else b""
    if len(data) != member.size:
        raise DownloadFailed(Failure.TRUNCATED, f"{len(data)} of {member.size} bytes")
    store_photograph(out, image_id, data)


def member_id(member: tarfile.TarInfo) -> str:
    """Returns the id of the photograph that a member is.

    Raises:
        DownloadFailed: it is no regular file at a/b/c/abc….jpg.
    """
    if not member.isreg() or member.issparse():
        raise DownloadFailed(Failure.UNSAFE_MEMBER, "it is a link, a device or a sparse file")
    match = _MEMBER.fullmatch(member.name)
    if match is None or not match[4].startswith("".join(match.groups()[:3])):
        raise DownloadFailed(Failure.UNSAFE_MEMBER, "it does not lie at a/b/c/abc….jpg")
    try:
        return validate_id(match[4])
    except ValueError as error:
        raise DownloadFailed(Failure.UNSAFE_MEMBER, str(error)) from error
