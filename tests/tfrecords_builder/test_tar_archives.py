import gzip
import io
import tarfile

import pytest

from tfrecords_builder.download_failures import DownloadFailed
from tfrecords_builder.tar_archives import archive_name, extract, md5_name, member_id, parse_md5

PHOTO = "0/1/2/012abc.jpg"


@pytest.fixture
def make_tar(tmp_path):
    def make(*members, format=tarfile.GNU_FORMAT):
        """Members: (name, bytes) or a TarInfo."""
        path = tmp_path / "images_000.tar"
        with tarfile.open(path, "w", format=format) as tar:
            for member in members:
                if isinstance(member, tarfile.TarInfo):
                    tar.addfile(member)
                    continue
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
        return path

    return make


def special(kind, name=PHOTO, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_photographs_come_to_their_places(make_tar, tmp_path, scene, encode, contents, format):
    photo = encode(scene())
    folder = special(tarfile.DIRTYPE, "0/1/2")
    path = make_tar(folder, (PHOTO, photo), ("./f/f/f/fff0.jpg", photo), format=format)
    found = extract(path, tmp_path / "out", 10**6)
    assert (found.photographs, found.refused) == (2, ())
    assert contents(tmp_path / "out") == {PHOTO: photo, "f/f/f/fff0.jpg": photo}


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/0/1/2/012abc.jpg",
        "0/1/2/../../../012abc.jpg",
        "0/1/3/012abc.jpg",
        "0/1/2/012abc.png",
        "0/1/2/012/abc.jpg",
        "./0/1/2/.jpg",
        "-/-/-/---a.jpg",
        "0/1/2/012 a.jpg",
        "012abc.jpg",
        "0/1/2/012abc.jpg\n",
    ],
)
def test_names_that_lead_elsewhere(make_tar, tmp_path, scene, encode, contents, name):
    photo = encode(scene())
    found = extract(make_tar((name, photo), (PHOTO, photo)), tmp_path / "out", 10**6)
    assert [member.reason for member in found.refused] == ["unsafe_member"]
    assert contents(tmp_path / "out") == {PHOTO: photo}
    assert {path.name for path in tmp_path.iterdir()} == {"images_000.tar", "out"}


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_what_is_no_plain_file(kind):
    info = special(kind, link="/etc/passwd")
    if kind == tarfile.GNUTYPE_SPARSE:
        info.sparse = [(0, 1)]
    with pytest.raises(DownloadFailed, match="unsafe_member: it is a link, a device or a sparse file"):
        member_id(info)


def test_a_link_is_never_written_through(make_tar, tmp_path, scene, encode):
    (tmp_path / "secret").mkdir()
    links = [special(tarfile.SYMTYPE, "0", str(tmp_path / "secret")), special(tarfile.SYMTYPE, link="/etc/passwd")]
    found = extract(make_tar(*links, (PHOTO, encode(scene()))), tmp_path / "out", 10**6)
    assert (found.photographs, len(found.refused)) == (1, 2)
    assert not list((tmp_path / "secret").iterdir())


def test_members_that_are_no_photographs(make_tar, tmp_path, scene, encode):
    photo = encode(scene())
    path = make_tar((PHOTO, b"text"), ("0/1/2/012b.jpg", photo[:-100]), ("0/1/2/012c.jpg", b"x" * 5000))
    found = extract(path, tmp_path / "out", 4000)
    assert [member.reason for member in found.refused] == ["not_an_image", "truncated", "too_large"]


@pytest.mark.parametrize("data", [b"", b"x" * 5000, gzip.compress(bytes(10_000))])
def test_archives_that_are_none(tmp_path, data):
    path = tmp_path / "bad.tar"
    path.write_bytes(data)
    with pytest.raises(DownloadFailed, match="not_a_tar: "):
        extract(path, tmp_path / "out", 10**6)


def test_an_archive_that_ends_within_a_member(tmp_path, make_tar, scene, encode):
    path = make_tar((PHOTO, encode(scene())))
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DownloadFailed, match=r"not_a_tar|truncated"):
        raise DownloadFailed(extract(path, tmp_path / "out", 10**6).refused[0].reason, "")
    assert not list((tmp_path / "out").rglob("*.jpg"))


def test_thousands_of_refused_members_are_no_archive_of_photographs(make_tar, tmp_path):
    path = make_tar(*[(f"evil{number}", b"") for number in range(1002)])
    with pytest.raises(DownloadFailed, match="not_a_tar: more than 1000 members had to be refused"):
        extract(path, tmp_path / "out", 10**6)


DIGEST = "0123456789abcdef0123456789ABCDEF"


@pytest.mark.parametrize(
    "text", [DIGEST, f"{DIGEST}\n", f"{DIGEST}  images_007.tar\n", f"{DIGEST} *./train/images_007.tar"]
)
def test_md5_files(text):
    assert parse_md5(text, "images_007.tar") == DIGEST.lower()


@pytest.mark.parametrize("text", ["", "<html>", DIGEST[:-1], f"{DIGEST}  images_008.tar", f"{DIGEST}\n{DIGEST}\n"])
def test_md5_files_that_are_none(text):
    with pytest.raises(DownloadFailed, match=r"no_md5: md5\.images_007\.txt"):
        parse_md5(text, "images_007.tar")


def test_names():
    assert archive_name(7) == "images_007.tar"
    assert md5_name("images_007.tar") == "md5.images_007.txt"
