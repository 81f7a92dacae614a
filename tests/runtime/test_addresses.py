from __future__ import annotations

import pytest

from runtime.addresses import is_loopback, may_carry_secrets


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://district.example/v1", True), ("http://127.0.0.1:1/v1", True), ("http://[::1]:1/v1", True),
        ("http://localhost/v1", True), ("http://district.example/v1", False), ("http://10.0.0.1/v1", False),
        ("http://127.0.0.1.example/v1", False), ("http://127.0.0.1@192.0.2.1/v1", False), ("", False),
    ],
)  # fmt: skip
def test_only_https_or_this_machine_may_carry_a_secret(url: str, may: bool) -> None:
    assert may_carry_secrets(url) is may


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("", False)],
)
def test_what_listens_for_others_too_is_not_this_machine_alone(host: str, is_ours: bool) -> None:
    assert is_loopback(host) is is_ours
