"""What the first page says of the districts above and of the queue: nothing unless a person should look. Pure."""

from __future__ import annotations

from district.pages.reader import Reader
from district.relay.standing import UpstreamStanding
from district.tiers import Tiers


def notices(tiers: Tiers, reader: Reader) -> list[str]:
    said = [_of_upstream(one, reader) for one in tiers.upstreams if one.is_wrong(reader.now)]
    if tiers.is_queue_away:
        said.append(reader.t("notice_queue"))
    if tiers.refused:
        said.append(reader.t("notice_refused", n=tiers.refused))
    return said


def _of_upstream(one: UpstreamStanding, reader: Reader) -> str:
    wrong = [gateway for gateway in one.concerned if gateway.is_wrong(reader.now)]
    causes = {one.trouble} if one.is_general else {gateway.trouble for gateway in wrong}
    cause = reader.t(f"trouble_{causes.pop()}" if len(causes) == 1 else "several_causes")
    oldest = min(gateway.oldest_at for gateway in wrong if gateway.oldest_at is not None)
    word = "notice_upstream" if one.is_general else "notice_gateways"
    return reader.t(
        word, upstream=one.name, cause=cause, n=len(wrong), batches=one.waiting, age=reader.age(oldest)
    )
