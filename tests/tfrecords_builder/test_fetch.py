import asyncio
import gzip
import socket
import struct
import threading
import time
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tfrecords_builder.download_config import FetchConfig, parse_networks
from tfrecords_builder.download_failures import DownloadFailed
from tfrecords_builder.fetch import Fetcher, MemorySink

CONFIG = {
    "contact": "me@example.org",
    "private_networks": parse_networks(["127.0.0.1"]),
    "rate": 1000.0,
    "attempts": 2,
    "max_bytes": 100_000,
}


def fetch(url, clock, *, lookup=None, **changes):
    async def work():
        sink = MemorySink()
        async with Fetcher(FetchConfig(**{**CONFIG, **changes}), clock=clock, lookup=lookup) as fetcher:
            await fetcher.fetch(url, "aaaa", sink)
        return bytes(sink.data)

    return asyncio.run(work())


def failure(url, clock, **changes) -> DownloadFailed:
    with pytest.raises(DownloadFailed) as caught:
        fetch(url, clock, **changes)
    return caught.value


def test_a_body_and_who_asks(server, reply, clock):
    server.replies["/a"] = reply(b"photograph")
    assert fetch(server.url("/a"), clock) == b"photograph"
    (_, headers), *_ = server.requests
    assert headers["user-agent"].startswith("tfland/")
    assert headers["user-agent"].endswith(" (me@example.org)")
    assert headers["accept-encoding"] == "identity"
    assert "cookie" not in headers


def hang(server, first=b""):
    def answer(connection, before):
        connection.sendall(first)
        server.closing.wait(5)

    return answer


def drip(server):
    def answer(connection, before):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not server.closing.wait(0.05):
            connection.sendall(b"x")

    return answer


def endless(server, head, piece):
    def answer(connection, before):
        connection.sendall(head)
        for _ in range(2000):
            if server.closing.is_set():
                return
            connection.sendall(piece)

    return answer


def reset(connection, before):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize(
    ("make", "reason", "detail", "asked"),
    [
        (lambda s, r: hang(s), "timeout", "the server fell silent", 2),
        (lambda s, r: hang(s, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"), "timeout", "fell silent", 2),
        (lambda s, r: drip(s), "timeout", "not finished in time", 2),
        (lambda s, r: b"", "dropped", "the server closed the connection", 2),
        (lambda s, r: reset, "dropped", "the server closed the connection", 2),
        (lambda s, r: r(b"short", length=50), "wrong_length", "ended before the announced length", 2),
        (
            lambda s, r: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            "dropped",
            "ended within the body",
            2,
        ),
        (lambda s, r: r(b"", length=100_001), "too_large", "100001 bytes announced, the limit is 100000", 1),
        (lambda s, r: endless(s, b"HTTP/1.1 200 OK\r\n\r\n", bytes(5000)), "too_large", "more than 100000 bytes", 1),
        (lambda s, r: r(b"", "X-Much: " + "x" * 100_000), "protocol", "", 1),
        (lambda s, r: r(b"", *[f"X-{n}: y" for n in range(10_000)]), "protocol", "", 1),
        (lambda s, r: endless(s, b"HTTP/1.1 200 OK\r\nX-Long: ", bytes(b"x" * 5000)), "protocol", "", 1),
        (lambda s, r: b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "protocol", "", 1),
        (lambda s, r: r(b"", length=-5), "protocol", "", 1),
        (lambda s, r: r(status="404 Not Found"), "http_404", "Not Found", 1),
        (lambda s, r: r(status="204 No Content"), "http_204", "No Content", 1),
        (lambda s, r: r(status="500 Oh"), "http_500", "Oh", 2),
        (lambda s, r: r(status="302 Found"), "http_302", "Found", 1),
        (lambda s, r: r(b"a", "X-Robots-Tag: noindex", "X-Robots-Tag: noai"), "robots", "X-Robots-Tag: noai", 1),
        (lambda s, r: r(b"a", "Content-Encoding: br"), "bad_encoding", "'br' is not read", 1),
        (lambda s, r: r(b"not gzip", "Content-Encoding: gzip"), "bad_encoding", "broken gzip", 1),
        (lambda s, r: r(gzip.compress(bytes(50_000_000)), "Content-Encoding: gzip"), "too_large", "more than", 1),
        (lambda s, r: r(gzip.compress(bytes(99_000))[:-9], "Content-Encoding: gzip"), "bad_encoding", "incomplete", 1),
    ],
)
def test_every_fault_has_its_reason(server, reply, clock, make, reason, detail, asked):
    server.replies["/a"] = make(server, reply)
    # Only what hangs gets short deadlines: a busy machine must not turn another fault into a timeout.
    deadlines = {"read_s": 0.25, "total_s": 0.6} if reason == "timeout" else {}
    found = failure(server.url("/a"), clock, **deadlines)
    assert found.reason == reason
    assert detail in found.detail
    assert server.count("/a") == asked


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://127.0.0.2:1/", "blocked_address"),
        ("http://169.254.169.254/latest/meta-data/", "blocked_address"),
        ("http://[::1]:1/", "blocked_address"),
        ("http://[::ffff:169.254.169.254]/", "blocked_address"),
        ("http://0.0.0.0:1/", "blocked_address"),
        ("//10.0.0.1/", "blocked_address"),
        ("http://2130706434/", "bad_url"),
        ("http://0x7f.2/", "blocked_address"),
        ("file:///etc/passwd", "bad_url"),
        ("gopher://127.0.0.1/", "bad_url"),
        ("http://user:word@127.0.0.1/", "bad_url"),
        ("http://127.0.0.1:99999/", "bad_url"),
    ],
)
def test_neither_a_url_nor_a_redirect_leads_inside(server, reply, clock, target, reason):
    server.replies["/a"] = reply(b"", f"Location: {target}", status="302 Found")
    assert failure(server.url("/a"), clock).reason == reason
    if not target.startswith("//"):
        assert failure(target, clock).reason == reason
    assert len(server.requests) == 1


def test_redirects_are_followed_to_a_limit(server, reply, clock):
    server.replies |= {
        "/a": reply(b"", "Location: b?c=d%2Ce", status="301 Moved"),
        "/b?c=d%2Ce": reply(b"there"),
        "/loop": reply(b"", "Location: /loop", status="307 Temporary Redirect"),
    }
    assert fetch(server.url("/a"), clock) == b"there"
    assert failure(server.url("/loop"), clock, max_redirects=3).reason == "too_many_redirects"
    assert server.count("/loop") == 4


def answers(*addresses):
    async def lookup(host, port, family):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return lookup


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["127.0.0.1", "192.168.1.1"], ["169.254.169.254"]])
def test_no_name_leads_inside(server, clock, addresses):
    found = failure(server.url("/a", host="images.example"), clock, lookup=answers(*addresses))
    assert found.reason == "blocked_address"
    assert "is not a public address" in found.detail
    assert not server.requests


def test_a_name_is_connected_to_where_it_was_looked_up(server, reply, clock):
    server.replies["/a"] = reply(b"there")
    assert fetch(server.url("/a", host="images.example"), clock, lookup=answers("127.0.0.1")) == b"there"
    assert server.requests[0][1]["host"].startswith("images.example")


def test_a_changed_answer_is_checked_at_the_socket(server, clock, monkeypatch):
    """Even if the check of the name's answer saw another address."""
    monkeypatch.setattr("tfrecords_builder.fetch._PublicResolver._check", lambda self, address: None)
    found = failure(server.url("/a", host="images.example"), clock, lookup=answers("127.0.0.2"))
    assert found.reason == "blocked_address"


def test_a_name_without_address(clock):
    async def lookup(host, port, family):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    found = failure("http://nowhere.example/", clock, lookup=lookup)
    assert (found.reason, found.detail) == ("dns", "Name or service not known")
    assert failure("http://nowhere.example/", clock, lookup=answers()).reason == "dns"


def test_nobody_listens(clock):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert failure(f"http://127.0.0.1:{port}/", clock).reason == "connect"


def test_no_tls(clock):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        assert failure(f"https://127.0.0.1:{listener.getsockname()[1]}/", clock, attempts=1).reason == "tls"


def test_compressed_bodies_are_read(server, reply, clock):
    server.replies["/gzip"] = reply(gzip.compress(b"photograph"), "Content-Encoding: gzip")
    server.replies["/zlib"] = reply(zlib.compress(b"photograph"), "Content-Encoding: deflate")
    assert fetch(server.url("/gzip"), clock) == fetch(server.url("/zlib"), clock) == b"photograph"


def in_turn(*replies):
    def answer(connection, before):
        connection.sendall(replies[min(before, len(replies) - 1)])

    return answer


def test_503_then_200(server, reply, clock):
    server.replies["/a"] = in_turn(reply(status="503 Busy"), reply(b"there"))
    assert fetch(server.url("/a"), clock, backoff_s=4.0) == b"there"
    assert 2.0 <= clock.time - 1000 <= 4.1


def test_an_interrupted_body_leaves_nothing_behind(server, reply, clock):
    server.replies["/a"] = in_turn(reply(b"bro", length=9), reply(b"whole"))
    assert fetch(server.url("/a"), clock) == b"whole"


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Busy"])
def test_retry_after_in_seconds(server, reply, clock, status):
    server.replies["/a"] = in_turn(reply(b"", "Retry-After: 7", status=status), reply(b"there"))
    assert fetch(server.url("/a"), clock, backoff_s=0.01) == b"there"
    assert 7.0 <= clock.time - 1000 <= 7.2


def test_retry_after_as_a_date(server, reply, clock):
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    server.replies["/a"] = in_turn(reply(b"", f"Retry-After: {moment}", status="429 No"), reply(b"there"))
    assert fetch(server.url("/a"), clock, backoff_s=0.01) == b"there"
    assert 50.0 <= clock.time - 1000 <= 61.0


def test_a_server_that_asks_for_too_much_is_left_alone(server, reply, clock):
    server.replies["/a"] = reply(b"", "Retry-After: 86400", status="429 No")
    found = failure(server.url("/a"), clock)
    assert (found.reason, server.count("/a")) == ("host_busy", 1)
    assert not clock.slept


def test_a_429_without_a_word_slows_the_whole_host(server, reply, clock):
    server.replies["/a"] = in_turn(reply(status="429 No"), reply(b"there"))
    assert fetch(server.url("/a"), clock, backoff_s=10.0) == b"there"
    assert clock.time - 1000 >= 5.0


def test_the_host_is_asked_at_its_rate(server, reply, clock):
    server.replies["/a"] = reply(b"there")

    async def work():
        async with Fetcher(FetchConfig(**{**CONFIG, "rate": 2.0, "per_host": 1}), clock=clock) as fetcher:
            await asyncio.gather(*(fetcher.fetch(server.url("/a"), "key", MemorySink()) for _ in range(9)))

    started = time.monotonic()
    asyncio.run(work())
    # The first takes the bucket's token, the other eight half a second each.
    assert clock.time - 1000 == pytest.approx(4.0)
    assert time.monotonic() - started < 2


def test_a_kept_connection_that_is_closed_costs_an_attempt_and_a_pause(server, clock):
    """aiohttp would ask again by itself: past the pace, the attempts and the pauses."""

    def answer_once_then_close(connection, before):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        while before == 0 and b"\r\n\r\n" not in (received := connection.recv(65536)):
            assert received, "the client did not keep the connection"
        if before == 0:
            server.requests.append(("/a", {"on": "the kept connection"}))

    async def work():
        config = FetchConfig(**{**CONFIG, "attempts": attempts, "per_host": 1})
        async with Fetcher(config, clock=clock) as fetcher:
            await fetcher.fetch(server.url("/a"), "key", MemorySink())
            await fetcher.fetch(server.url("/a"), "key", MemorySink())

    server.replies["/a"] = answer_once_then_close
    attempts = 1
    with pytest.raises(DownloadFailed, match="dropped: the server closed the connection"):
        asyncio.run(work())
    assert server.count("/a") == 2
    server.requests.clear()
    attempts = 2
    asyncio.run(work())
    assert server.count("/a") == 3
    assert [pause for pause in clock.slept if pause >= 0.5], "asked again without a pause"
