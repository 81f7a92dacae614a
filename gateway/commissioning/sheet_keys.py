"""Whose row is this? The rows of a sheet that came back against the site's meters. Pure.

A row is compared only where its key is a meter's, stands once, and says the same bus, address and unit as the site does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.commissioning.sheet import Filled, Finding, Meter, Sheet, cell_name

MISSING_NAMED = 8
"""So many meters that have no row are named in a sentence."""
AGAIN = "make a new sheet (verify-sheet make)"


def match(sheet: Sheet, meters: Sequence[Meter], devices: Collection[str]) -> Sheet:
    """The rows that can be compared, and what there is to say of the others. ``devices`` are all of the site's."""
    known = {meter.point: meter for meter in meters}
    rows: list[Filled] = []
    lines: dict[str, int] = {}
    findings = [*sheet.findings]
    for row in sheet.rows:
        wrong = _wrong(row, known, devices, lines.get(row.point))
        lines.setdefault(row.point, row.line)
        if wrong:
            findings.append(Finding(cell_name(0, row.line), is_fault=True, says=wrong))
        else:
            rows.append(row)
    told = {finding.cell[1:] for finding in findings if finding.is_fault}
    missing = [meter.point for meter in meters if meter.point not in lines]
    if missing and not told:  # a row that could not be read is told of already
        findings.append(Finding("", is_fault=False, says=_missing(missing)))
    return Sheet(rows, findings)


def _wrong(row: Filled, known: dict[str, Meter], devices: Collection[str], first: int | None) -> str:
    meter = known.get(row.point)
    if meter is None:
        return _unknown(row.point, known, devices)
    if first is not None:
        return f"{row.point} 重复 stands in line {first} already; keep the first column as it was"
    says, is_ = row.place, (meter.bus, meter.address, meter.unit)
    if says is None or says == is_:
        return ""
    return (
        f"{row.point} 与配置不符 the row says {' / '.join(says)}, the site file {' / '.join(is_)}: a locked cell was edited"
        f" or the site file has changed since; {AGAIN}"
    )


def _unknown(point: str, known: dict[str, Meter], devices: Collection[str]) -> str:
    device = point.partition(".")[0]
    if device not in devices:
        return f"没有此设备 there is no device {device!r}: the key was edited or the device is gone; {AGAIN}"
    counters = [name for name in known if name.partition(".")[0] == device]
    return f"{device} 没有此计量 there is no meter {point!r}; it has {', '.join(counters) or 'none'}: the key was edited"


def _missing(points: Sequence[str]) -> str:
    more = f" and {len(points) - MISSING_NAMED} more" if len(points) > MISSING_NAMED else ""
    return f"表中缺少 not in the sheet: {', '.join(points[:MISSING_NAMED])}{more}"
