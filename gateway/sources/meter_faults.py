"""What went wrong with a meter on a raw line, in a sentence an installer can act on: 中文 / English. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.sources.faults import SHOWN_BYTES_MAX

TOO_MANY_FRAMES = "后续帧没有尽头 / the frames that follow never end"


def no_answer(unit: str, timeout_s: float) -> str:
    return (
        f"表 {unit} 在 {timeout_s:g} 秒内无应答，请检查供电、接线、表号、波特率和校验位（多为 2400、偶校验）"
        f" / meter {unit} did not answer within {timeout_s:g} s: check power, wiring, the number on its plate, "
        "baud rate and parity (mostly 2400, even)"
    )


def nonsense(unit: str, heard: bytes) -> str:
    shown = f"{heard[:SHOWN_BYTES_MAX].hex(' ')} ({len(heard)} B)"
    return f"表 {unit} 的应答无法识别 / meter {unit} sent no valid reply: {shown}"


def refused(unit: str, said_zh: str, said_en: str) -> str:
    return f"表 {unit} 拒绝：{said_zh} / meter {unit} refused: {said_en}"


def wrong_length(unit: str, length: int, known: Iterable[int]) -> str:
    expected = ", ".join(map(str, known))
    return (
        f"表 {unit} 的应答有 {length} 字节数据，模板只知道 {expected} 字节的应答，请换用适合该表的模板"
        f" / meter {unit} sent {length} bytes of data where its profile knows {expected}: choose a profile that fits it"
    )
