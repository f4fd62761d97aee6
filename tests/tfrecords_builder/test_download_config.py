from ipaddress import ip_network

import pytest

from tfrecords_builder.download_config import FetchConfig, parse_networks


@pytest.mark.parametrize(
    "contact", ["me@example.org", "a.b+c@sub.example.org", "https://example.org/bot", "http://e.org"]
)
def test_contacts(contact):
    agent = FetchConfig(contact=contact).user_agent
    assert agent.startswith("tfland")
    assert agent.endswith(f" ({contact})")


@pytest.mark.parametrize(
    "contact",
    ["", "me", "me@", "@example.org", "me@localhost", "me@e.org\r\nX: y", "a b@e.org", "ftp://e.org", "https://"],
)
def test_no_contacts(contact):
    with pytest.raises(ValueError, match="give a mail address or a web page"):
        FetchConfig(contact=contact)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", 0.0),
        ("rate", float("inf")),
        ("rate", float("nan")),
        ("backoff_s", -1.0),
        ("total_s", 0.0),
        ("per_host", 0),
        ("concurrency", 0),
        ("attempts", 0),
        ("max_bytes", 0),
        ("max_redirects", -1),
        ("host_failures", 0),
    ],
)
def test_bad_values_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}: must be"):
        FetchConfig(contact="me@example.org", **{name: value})


def test_networks():
    expected = (ip_network("127.0.0.1/32"), ip_network("10.1.0.0/16"), ip_network("::1/128"))
    assert parse_networks(["127.0.0.1, 10.1.0.0/16", "::1"]) == expected
    assert parse_networks([]) == ()
    for bad in ("localhost", "10.1.2.3/16", ""):
        with pytest.raises(ValueError, match="expected addresses or networks"):
            parse_networks([bad])
