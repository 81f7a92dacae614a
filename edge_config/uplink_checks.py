"""What must hold inside and around an uplink beyond the shape of its section. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from devices.quantities import QUANTITIES
from edge_config.draft import Draft
from edge_config.hj212_factors import Factor, factors
from edge_config.problems import DocPath, Finding, choices, nearest
from edge_config.uplinks import Hj212Uplink, HttpUplink, LineProtocolUplink, MqttUplink
from runtime.addresses import is_loopback

IN_THE_CLEAR = "crosses the network in the clear"
NAME_CA = "name `ca_file` with the certificate that signed the broker's, and its TLS port, often 8883"

ENVIRONMENT = {"air", "weather"}
"""Groups of quantities HJ 212 is for; energy and water go another way."""


def check(draft: Draft) -> Iterator[Finding]:
    """Every finding about uplinks of a kind with rules of its own."""
    for index, uplink in draft.uplinks.items():
        path: DocPath = ("uplinks", index)
        if isinstance(uplink, HttpUplink | LineProtocolUplink) and "@" in urlsplit(uplink.url).netloc:
            right = "take it out: what stands in a url is shown on pages and in the log"
            yield Finding((*path, "url"), "holds a name or a password", right)
        if isinstance(uplink, LineProtocolUplink):
            yield from line_protocol(path, uplink)
        elif isinstance(uplink, Hj212Uplink):
            yield from hj212(path, uplink, draft)
        elif isinstance(uplink, MqttUplink):
            yield from mqtt(path, uplink)


def line_protocol(path: DocPath, uplink: LineProtocolUplink) -> Iterator[Finding]:
    """Either the words of InfluxDB 1.x or those of 2.x, and one way to show who we are."""
    is_v2 = uplink.org is not None or uplink.bucket is not None
    if is_v2 and (uplink.db is not None or uplink.retention_policy is not None):
        yield Finding(
            path, "names both a `db` and an `org` or `bucket`", "InfluxDB 1.x has `db`, 2.x the others"
        )
    elif is_v2 and None in {uplink.org, uplink.bucket}:
        yield Finding(path, "InfluxDB 2.x needs `org` and `bucket`", "write both")
    elif not is_v2 and uplink.db is None:
        yield Finding(
            path, "says not where to write", "name `db` (InfluxDB 1.x), or `org` and `bucket` (2.x)"
        )
    if (uplink.username is None) != (uplink.password_file is None):
        yield Finding(path, "needs `username` and `password_file` together", "write both, or neither")
    if uplink.username is not None and uplink.token_file is not None:
        yield Finding(path, "has both a password and a token", "InfluxDB 1.x takes the first, 2.x the second")
    if "?" in uplink.url or uplink.url.rstrip("/").endswith("/write"):
        yield Finding(
            (*path, "url"), "is more than the server's address", "write it as http://influx.example:8086"
        )


def hj212(path: DocPath, uplink: Hj212Uplink, draft: Draft) -> Iterator[Finding]:
    """Stations of their own, with points that exist and are environment, one for each factor."""
    known = factors(uplink.factors)
    for quantity in uplink.factors:
        if quantity not in QUANTITIES or QUANTITIES[quantity].group not in ENVIRONMENT:
            right = nearest(quantity, _environment(), f"HJ 212 is for {choices(_environment(), 20)}")
            yield Finding(
                (*path, "factors", quantity), f"no environment quantity is called {quantity!r}", right
            )
    points = dict(draft.device_points())
    stations: dict[str, int] = {}
    for index, station in enumerate(uplink.stations):
        place: DocPath = (*path, "stations", index)
        if stations.setdefault(station.mn, index) != index:
            yield Finding(
                (*place, "mn"), f"the MN {station.mn} is used twice", "put its points into one station"
            )
        codes: dict[str, str] = {}
        for number, point in enumerate(station.points):
            if point not in points and draft.is_complete():
                right = nearest(point, points, "write device.point, as `check` lists them")
                yield Finding((*place, "points", number), f"no device has the point {point!r}", right)
            yield from _factor((*place, "points", number), point, points.get(point), known, codes)


def _environment() -> list[str]:
    return sorted(name for name, quantity in QUANTITIES.items() if quantity.group in ENVIRONMENT)


def _factor(
    path: DocPath, point: str, quantity: str | None, known: Mapping[str, Factor], codes: dict[str, str]
) -> Iterator[Finding]:
    """A point of a station. ``codes`` are those the station has so far."""
    if quantity is None:
        return
    if QUANTITIES[quantity].group not in ENVIRONMENT:
        yield Finding(path, f"{point!r} is {quantity}, which is no environment quantity", "take it out")
    elif quantity not in known:
        right = (
            f"agree a code with the centre and write it under `factors`: {{{quantity}: {{code: …, unit: …}}}}"
        )
        yield Finding(path, f"{quantity} has no factor code", right)
    elif (other := codes.setdefault(known[quantity].code, point)) != point:
        wrong = f"{other!r} is already factor {known[quantity].code} of this station"
        yield Finding(path, wrong, "a station has one point for a factor; give this one a station of its own")


def mqtt(path: DocPath, uplink: MqttUplink) -> Iterator[Finding]:
    """Somebody it is for, and one way to show who we are."""
    if not uplink.homeassistant and not uplink.thingsboard:
        yield Finding(path, "is for nobody", "write `homeassistant: true` or `thingsboard: true`")
    if uplink.token_file is not None and uplink.username is not None:
        yield Finding(
            path, "has both a `username` and a `token_file`", "ThingsBoard takes the token, others the name"
        )
    if uplink.password_file is not None and uplink.username is None:
        yield Finding((*path, "password_file"), "is a password of nobody", "write `username` too")
    if uplink.ca_file is None and not is_loopback(uplink.host):
        for key in ("password_file", "token_file"):
            if getattr(uplink, key) is not None:
                yield Finding((*path, key), IN_THE_CLEAR, NAME_CA, is_warning=True)
    if (uplink.cert_file is None) != (uplink.key_file is None):
        yield Finding(path, "needs `cert_file` and `key_file` together", "write both, or neither")
    if uplink.cert_file is not None and uplink.ca_file is None:
        yield Finding(
            (*path, "cert_file"),
            "is used with TLS only",
            "name `ca_file`: who signed the broker's certificate",
        )
