"""Adopting a candidate: checked as the whole site would be, written to ``site.d/web.yaml``, then taken up while we run.

Knows the web file, the door and who carries a new device to its broker; does not know topics or payloads. Guarantees:
nothing is written that the next start would refuse; the same command again after a crash at any instant ends in the same
device; the answer comes after COMMIT, and readings are taken from then on.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from devices import profile as device_profile
from devices.profile import MqttProfile
from edge_config import web_file
from edge_config.loader import load_site
from edge_config.problems import SiteProblems
from edge_config.schema import Device
from edge_config.site import LoadedSite
from gateway.control.protocol import Command
from gateway.door.ingest import Door
from gateway.errors import ControlError
from gateway.model import Point
from gateway.points import build_points
from gateway.store import candidates, points

KEYS = frozenset({"broker", "id", "profile", "name", "space", "parent", "energy_code"})
SENTENCES_MAX = 3


class Adoption:
    """The site as it grows. ``take_up`` tells a broker's source of a new device of the site."""

    def __init__(self, site: LoadedSite, door: Door, take_up: Callable[[LoadedSite, Device], None]) -> None:
        self._site, self._door, self._take_up = site, door, take_up
        self._lock = asyncio.Lock()

    async def adopt(self, command: Command) -> dict[str, Any]:
        """Make the candidate at ``command.subject`` (its topic) a device. Raises ControlError with all that is wrong."""
        async with self._lock:
            device = _device_of(command)
            if self._site.devices.get(device.id) != device:
                await self._make(device)
            return {"device": device.id, "topic": device.topic, "profile": device.profile}

    async def _make(self, device: Device) -> None:
        broker, topic = str(device.broker), str(device.topic)
        if not await self._door.execute(lambda db, _: candidates.is_known(db, broker, topic)):
            raise ControlError(
                f"{broker} 上没有候选设备 {topic}; there is no candidate {topic} on broker {broker}"
            )
        if device.id in self._site.devices:
            raise ControlError(f"设备编号 {device.id} 已使用; the id {device.id} is taken, choose another")
        text = await asyncio.to_thread(self._checked, device)
        site = self._grown(device)
        grown = build_points(site)
        new = [point for point in grown if point.device == device.id]
        await self._door.execute(lambda db, _: _refuse_other_step(db, new))
        try:
            await asyncio.to_thread(web_file.write, site.web_path, text)
        except OSError as error:
            raise ControlError(
                f"无法写入 {site.web_path}; {site.web_path} cannot be written ({error.strerror}): let the gateway's user"
                " write its folder"
            ) from error
        await self._door.take_site(site, grown)
        self._site = site
        self._take_up(site, device)

    def _checked(self, device: Device) -> str:
        """The web file with this device, once the site on disk loads with it: the next start must not fail. Blocks."""
        entry = device.model_dump(mode="json", exclude_defaults=True)
        try:
            before = web_file.text_at(self._site.path)
            others = [one for one in web_file.devices_in(before) if one.get("id") != device.id]
            text = web_file.text_with([*others, entry])
            checked = load_site(self._site.path, with_secrets=False, web=text)
        except SiteProblems as problems:
            said = "; ".join(f"{one.wrong}, {one.right}" for one in problems.problems[:SENTENCES_MAX])
            raise ControlError(f"配置检查未通过; the site does not check with it: {said}") from problems
        if device.id not in checked.adopted:
            raise ControlError(
                f"配置文件里已有 {device.id} 或其主题，重启后生效; the site file has {device.id} or its topic already: it"
                " takes effect at the next start"
            )
        return text

    def _grown(self, device: Device) -> LoadedSite:
        """The running site and this device; what else was edited on disk waits for the next start."""
        profile = device_profile.load(device.profile)
        if not isinstance(profile, MqttProfile):
            raise ControlError(
                f"{device.profile} 不是 MQTT 模板; {device.profile} is no profile of an MQTT device"
            )
        return self._site.with_device(device, profile)


def forget(connection: sqlite3.Connection, command: Command) -> None:
    """The candidate of an adopted device, in the transaction that keeps the command."""
    candidates.remove(connection, str(command.body.get("broker")), command.subject)


def _device_of(command: Command) -> Device:
    wrong = set(command.body) - KEYS
    if wrong:
        raise ControlError(f"adopt takes {', '.join(sorted(KEYS))}; it knows no {', '.join(sorted(wrong))}")
    entry = {key: value for key, value in command.body.items() if value not in (None, "")}
    try:
        device = Device.model_validate({**entry, "topic": command.subject})
    except ValidationError as error:
        wrong_keys = ", ".join(".".join(str(part) for part in one["loc"]) for one in error.errors())
        raise ControlError(
            f"请改正 {wrong_keys}; correct {wrong_keys}: an id has lower-case letters, digits and hyphens, at most 40; "
            "an energy code two digits and three digits or capitals, such as 01A00"
        ) from error
    if device.broker is None:
        raise ControlError("adopt needs the broker the candidate speaks on")
    return device


def _refuse_other_step(connection: sqlite3.Connection, new: list[Point]) -> None:
    """Stored figures of an older device of this id count in other steps: the buffer would refuse to open with it."""
    for point in new:
        known = points.step_of(connection, point.name)
        if known is not None and known != str(point.step):
            raise ControlError(
                f"{point.name} 以前按 {known} 存储，请换一个编号; an older device of this id stored {point.name} in steps of"
                f" {known}: choose another id"
            )
