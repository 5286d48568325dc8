"""Where a load may go: this machine, or a host that is named twice."""

from __future__ import annotations

from typing import Any

import pytest

from evalharness.errors import ConfigError
from evalharness.load.destination import addresses_of, check_destinations


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:80"])
def test_this_machine_needs_no_name(address: str) -> None:
    """Loopback addresses."""
    check_destinations([address], [], where="the model 'm'")


@pytest.mark.parametrize(
    "hosts", [[], ["example.com"], ["api.example.com."], ["API.example.com "], ["api.example.com:443"], ["*"], [""]]
)
def test_another_host_needs_exactly_its_name(hosts: list[str]) -> None:
    """No part of a name, no pattern, no port."""
    with pytest.raises(ConfigError, match=r"the model 'm' is at api.example.com, which is not this machine") as raised:
        check_destinations(["https://api.example.com/v1"], hosts, where="the model 'm'")
    assert "expected --host api.example.com" in str(raised.value)


def test_every_address_is_checked() -> None:
    """One of two hosts is named."""
    addresses = ["https://a.example/v1", "http://127.0.0.1/v1", "https://b.example/v1"]
    check_destinations(addresses, ["a.example", "b.example"], where="the model 'm'")
    with pytest.raises(ConfigError, match=r"is at b.example"):
        check_destinations(addresses, ["a.example"], where="the model 'm'")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"base_url": "http://a/v1", "model": "x"}, ["http://a/v1"]),
        ({"base_urls": ["http://a", "https://b"]}, ["http://a", "https://b"]),
        ({"url": "http://a/{{ x }}", "number": 3}, ["http://a/{{ x }}"]),
    ],
)
def test_addresses_are_those_of_the_configuration(options: dict[str, Any], expected: list[str]) -> None:
    """Whatever the option is called."""
    assert addresses_of("m", "openai", options) == expected


def test_an_unknown_destination_is_refused() -> None:
    """A provider of another package that names no address may send anywhere; built-in ones of this machine may not."""
    assert addresses_of("m", "scripted", {}) == []
    with pytest.raises(ConfigError, match="the destination of the model 'm' is unknown: expected an address"):
        addresses_of("m", "other", {"region": "eu"})
