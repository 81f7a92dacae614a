"""Which MQTT devices are online."""

from __future__ import annotations

from gateway.sources.presence import Presence
from tests.sources.sensors import air


def test_a_message_says_online_once() -> None:
    presence = Presence([air()], 0.0)
    first = presence.heard("air-101", 1.0)
    assert first is not None
    assert (first.device, first.state, first.detail, first.is_recovery) == ("air-101", "online", "", False)
    assert presence.heard("air-101", 2.0) is None


def test_three_silent_intervals_are_offline_once_and_a_message_ends_it() -> None:
    presence = Presence([air()], 0.0)
    presence.heard("air-101", 10.0)
    assert presence.gone_silent(190.0) == []
    (gone,) = presence.gone_silent(190.1)
    assert gone.state == "offline"
    assert "no message for 180 s" in gone.detail
    assert presence.gone_silent(500.0) == []
    assert presence.heard("air-101", 501.0) is not None


def test_a_device_that_never_spoke_goes_offline_too() -> None:
    assert len(Presence([air()], 0.0).gone_silent(181.0)) == 1


def test_silence_because_of_the_broker_says_so() -> None:
    (gone,) = Presence([air()], 0.0).gone_silent(181.0, "no broker")
    assert gone.detail == "no broker"


def test_a_device_whose_will_says_online_may_be_silent() -> None:
    presence = Presence([air()], 0.0)
    said = presence.said("air-101", is_online=True, now_s=1.0)
    assert said is not None
    assert said.state == "online"
    assert presence.gone_silent(9999.0) == []


def test_a_will_that_says_offline_counts_at_once() -> None:
    presence = Presence([air()], 0.0)
    presence.heard("air-101", 1.0)
    said = presence.said("air-101", is_online=False, now_s=2.0)
    assert said is not None
    assert said.state == "offline"
    assert presence.said("air-101", is_online=False, now_s=3.0) is None


def test_a_message_outweighs_what_a_will_said() -> None:
    presence = Presence([air()], 0.0)
    presence.said("air-101", is_online=False, now_s=1.0)
    back = presence.heard("air-101", 2.0)
    assert back is not None
    assert (back.state, back.is_recovery) == ("online", True)
    assert len(presence.gone_silent(200.0)) == 1  # from now on silence counts


def test_without_the_broker_what_wills_said_holds_no_longer() -> None:
    presence = Presence([air()], 0.0)
    presence.said("air-101", is_online=True, now_s=1.0)
    presence.forget_said()
    assert len(presence.gone_silent(182.0)) == 1
