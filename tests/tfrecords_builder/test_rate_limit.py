import asyncio
from datetime import UTC, datetime

import pytest

from tfrecords_builder.rate_limit import HostGate, HostGates, backoff_s, parse_retry_after


def moments(gate, clock, count):
    """When each of `count` requests that all come at once was let through, from the start."""
    passed = []

    async def ask():
        async with gate.slot():
            passed.append(clock.time - 1000)

    async def work():
        await asyncio.gather(*(ask() for _ in range(count)))

    asyncio.run(work())
    return passed


def test_a_burst_and_then_the_rate(clock):
    passed = moments(HostGate(4.0, 2, clock), clock, 6)
    assert passed == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1.0])


def test_never_more_than_the_rate_over_any_second(clock):
    passed = moments(HostGate(5.0, 3, clock), clock, 60)
    for first in passed:
        assert sum(first <= moment < first + 1.0 for moment in passed) <= 5 + 3
    assert passed[-1] == pytest.approx((60 - 3) / 5.0)


def test_connections_are_counted(clock):
    gate, most, now = HostGate(1e6, 3, clock), 0, 0

    async def ask():
        nonlocal most, now
        async with gate.slot():
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.001)
            now -= 1

    async def work():
        await asyncio.gather(*(ask() for _ in range(20)))

    asyncio.run(work())
    assert most == 3
    assert gate.users == 0


def test_a_pause_holds_all_back_and_ends_without_a_burst(clock):
    gate = HostGate(2.0, 4, clock)
    gate.pause(30.0)
    assert moments(gate, clock, 3) == pytest.approx([30.5, 31.0, 31.5])


def test_a_shorter_pause_does_not_shorten_a_longer_one(clock):
    gate = HostGate(2.0, 1, clock)
    gate.pause(30.0)
    gate.pause(1.0)
    assert moments(gate, clock, 1)[0] >= 30.0


def test_every_host_has_its_own_gate(clock):
    gates = HostGates(1.0, 1, clock)
    assert gates.of("a.example") is gates.of("a.example")
    assert gates.of("a.example") is not gates.of("b.example")


def test_any_number_of_hosts_takes_little_memory(clock):
    gates = HostGates(1.0, 1, clock)
    for number in range(10_000):
        gates.of(f"{number}.example")
    assert len(gates._gates) <= 4096


def test_backoff_doubles_to_a_limit_and_half_of_it_is_random():
    pauses = [backoff_s(n, first_s=1.0, longest_s=20.0, seed=1, key="a") for n in range(1, 9)]
    for pause, whole in zip(pauses, [1, 2, 4, 8, 16, 20, 20, 20], strict=True):
        assert whole / 2 <= pause <= whole
    assert pauses == [backoff_s(n, first_s=1.0, longest_s=20.0, seed=1, key="a") for n in range(1, 9)]
    others = {backoff_s(1, first_s=1.0, longest_s=20.0, seed=seed, key=key) for seed in (1, 2) for key in "abc"}
    assert len(others) == 6
    assert backoff_s(5000, first_s=1.0, longest_s=20.0, seed=1, key="a") <= 20.0


NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 400, 999_999_999.0),
        ("Fri, 20 Nov 2026 12:01:30 GMT", 90.0),
        ("Friday, 20-Nov-26 12:01:30 GMT", 90.0),
        ("Fri Nov 20 12:01:30 2026", 90.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Fri, 99 Nov 2026 12:01:30 GMT", None),
    ],
)
def test_retry_after(text, seconds):
    assert parse_retry_after(text, NOW) == seconds
