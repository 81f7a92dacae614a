"""What went wrong on a wire, in a sentence an installer can act on: 中文 / English. Pure but for a look at a port.

These texts become ``detail`` of a device state and the ``why`` of a log line; a page may cut them at the slash.
"""

from __future__ import annotations

from pathlib import Path

from edge_config.schema import SerialBus, TcpBus

SHOWN_BYTES_MAX = 16

NEVER_SILENT = "总线上一直有数据，是否还有另一台主机 / the line is never silent: is there a second master?"


def no_answer(unit_id: int, bus: TcpBus | SerialBus) -> str:
    zh, en = "接线、地址、波特率和校验位", "wiring, unit id, baud rate and parity"
    if isinstance(bus, TcpBus):
        zh, en = "地址和转换器后的接线", "unit id and the wiring behind the converter"
    return (
        f"地址 {unit_id} 在 {bus.timeout_s:g} 秒内无应答，请检查供电、{zh}"
        f" / unit {unit_id} did not answer within {bus.timeout_s:g} s: check power, {en}"
    )


def not_reached(unit_id: int, code: int) -> str:
    return (
        f"转换器说地址 {unit_id} 无应答（异常码 {code}），请检查供电、接线和地址"
        f" / the converter cannot reach unit {unit_id} (exception {code}): check power, wiring and unit id"
    )


def refused(unit_id: int, function: int, code: int) -> str:
    return (
        f"地址 {unit_id} 拒绝功能码 {function}，异常码 {code}"
        f" / unit {unit_id} refused function {function} with exception {code}"
    )


def nonsense(unit_id: int, data: bytes) -> str:
    shown = f"{data[:SHOWN_BYTES_MAX].hex(' ')} ({len(data)} B)"
    return f"地址 {unit_id} 的应答无法识别 / unit {unit_id} sent no valid reply: {shown}"


def overloaded(load: float, stretch: float) -> str:
    """``load`` is the share of the bus's time its polls would take, ``stretch`` what every interval is multiplied by."""
    return (
        f"总线超载：轮询需要 {100 * load:.0f} % 的时间，所有间隔已放长到 {stretch:g} 倍，请放长轮询间隔或分接到另一条总线"
        f" / bus overloaded: its polls take {100 * load:.0f} % of its time and all come {stretch:g} times more rarely: "
        "poll less often or part the line"
    )


def not_connected(bus: TcpBus | SerialBus) -> str:
    """Why a connection that just failed may have failed."""
    if isinstance(bus, TcpBus):
        where = f"[{bus.host}]:{bus.port}" if ":" in bus.host else f"{bus.host}:{bus.port}"
        return (
            f"连接不上 {where}，请检查设备电源、网线、地址和端口"
            f" / no connection to {where}: check power, cable, address and port"
        )
    zh, en = _port_trouble(Path(bus.port))
    return f"串口 {bus.port} {zh} / serial port {bus.port} {en}"


def _port_trouble(port: Path) -> tuple[str, str]:
    if not port.exists():
        return (
            "不存在，请插好转换器或改正配置",
            "does not exist: plug in the adapter or correct the site file",
        )
    try:
        port.open("rb").close()
    except PermissionError:
        return "无权打开，请把运行用户加入 dialout 组", "may not be opened: add the user to group dialout"
    except OSError as error:
        return "打不开", f"cannot be opened: {error.strerror}"
    return "被占用，请停掉占用它的程序", "is in use: stop the program that holds it"
