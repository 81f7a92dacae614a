"""A runnable copy of the demo school in a folder of one's own: ports moved, secrets made, nothing shared.

The packaged example holds no secret and never runs in place. Running this again on the same folder keeps the secrets
and writes the site file and what it names anew.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from simulators.broker import write_users
from simulators.secret_files import write_secret

PORT_BASE = 8600
"""The example's own base: dashboard 8600, district 8601, broker 8602, buses 8603 and 8604, health 8606 to 8609."""
SERIAL_PORT = "var/ttyCampus"


@dataclass(frozen=True, slots=True)
class DemoPaths:
    """Where a demo site keeps what its processes share."""

    folder: Path

    @property
    def site(self) -> Path:
        return self.folder / "site.yaml"

    @property
    def gateway_password(self) -> Path:
        return self.folder / "var" / "mqtt.password"

    @property
    def sensor_password(self) -> Path:
        return self.folder / "var" / "sim.password"

    @property
    def users(self) -> Path:
        return self.folder / "var" / "mqtt.users"

    @property
    def district_token(self) -> Path:
        return self.folder / "var" / "district.token"


def write_demo_site(folder: Path, port_base: int = PORT_BASE) -> Path:
    """Write the demo school into ``folder`` with every port moved by ``port_base`` − 8600; gives its site file."""
    paths = DemoPaths(folder.resolve())
    with resources.as_file(resources.files("edge_config") / "examples" / "demo-school") as example:
        shutil.copytree(
            example, paths.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("var", "README.md")
        )
    text = paths.site.read_text(encoding="utf-8")
    paths.site.write_text(_moved(text, port_base - PORT_BASE, paths.folder), encoding="utf-8")
    _make_secrets(paths)
    return paths.site


def _moved(text: str, by: int, folder: Path) -> str:
    """The site file with its TCP ports moved and its serial port where no working folder matters."""
    moved = re.sub(r"(?<=port: )\d+|(?<=127\.0\.0\.1:)\d+", lambda found: str(int(found[0]) + by), text)
    return moved.replace(
        f"port: {SERIAL_PORT}", f"port: {json.dumps(str(folder / SERIAL_PORT), ensure_ascii=False)}"
    )


def _make_secrets(paths: DemoPaths) -> None:
    made = (paths.gateway_password, paths.sensor_password, paths.users, paths.district_token)
    if all(path.is_file() for path in made):
        return
    passwords = {"gateway": secrets.token_urlsafe(24), "sim": secrets.token_urlsafe(24)}
    write_secret(paths.gateway_password, passwords["gateway"] + "\n")
    write_secret(paths.sensor_password, passwords["sim"] + "\n")
    write_secret(paths.district_token, secrets.token_urlsafe(32) + "\n")
    write_users(paths.users, passwords)
