"""What may travel where, and who counts as one, where something is counted by address (S4, S20)."""

from __future__ import annotations

import pytest

from runtime.addresses import is_loopback, may_carry_secrets, neighbourhood, without_secrets


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://district.example/v1", True), ("http://127.0.0.1:1/v1", True), ("http://[::1]:1/v1", True),
        ("http://localhost/v1", True), ("http://district.example/v1", False), ("http://10.0.0.1/v1", False),
        ("http://127.0.0.1.example/v1", False), ("http://127.0.0.1@192.0.2.1/v1", False), ("", False),
    ],
)  # fmt: skip
def test_s11_only_https_or_this_machine_may_carry_a_secret(url: str, may: bool) -> None:
    assert may_carry_secrets(url) is may


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("", False)],
)
def test_s17_what_listens_for_others_too_is_not_this_machine_alone(host: str, is_ours: bool) -> None:
    assert is_loopback(host) is is_ours


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_s4_a_machine_does_not_guess_from_many_addresses_of_its_network(address: str, whole: str) -> None:
    assert neighbourhood(address) == whole


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("LocalHost", True),
        ("192.0.2.1", False),
        ("evil.example", False),
        ("", False),
    ],
)
def test_s7_this_machine_is_known_by_its_own_addresses_only(host: str, is_ours: bool) -> None:
    assert is_loopback(host) is is_ours


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:geheim@db/x", "postgresql://…@db/x"),
        ("no answer of nats://u:a@b@n1:4222, nats://token@n2", "no answer of nats://…@n1:4222, nats://…@n2"),
        ('in URI: "postgresql://u:geheim@[bad/x"; check', 'in URI: "postgresql://…@[bad/x"; check'),
        ("https://d.example/v1?to=a@b", "https://d.example/v1?to=a@b"),
    ],
)
def test_s19_a_url_is_told_without_its_password(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
