"""What is wrong between us and a broker, and the cure, in one sentence: 中文 / English. Pure."""

from __future__ import annotations

from edge_config.schema import Broker
from gateway.sources import tls

UNSUPPORTED_PROTOCOL = 0x84
BAD_LOGIN, NOT_AUTHORIZED = 0x86, 0x87

TOPICS_SHOWN_MAX = 3


def no_broker(broker: Broker, error: Exception) -> str:
    if tls.is_about(broker, error):
        zh, en = tls.why(broker, error)
        return f"与消息服务器 {_where(broker)} 的加密连接没有建立：{zh} / no connection to broker {_where(broker)}: {en}"
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"无法读取 {error.filename}（{error.strerror}），请让网关用户可读"
            f" / {error.filename} cannot be read ({error.strerror}): let the gateway's user read it"
        )
    why = getattr(error, "strerror", None) or str(error) or "timed out"
    return (
        f"连接不上消息服务器 {_where(broker)}（{why}），请启动服务或改正地址"
        f" / no broker at {_where(broker)} ({why}): start it, or correct host and port"
    )


def no_connack(broker: Broker) -> str:
    return (
        f"{_where(broker)} 不应答 MQTT 登录，请核对地址和端口，旧服务器请写 protocol: 3.1.1"
        f" / {_where(broker)} does not answer to MQTT: check host and port; for an old broker"
        " write protocol: 3.1.1"
    )


def connect_refused(broker: Broker, code: int) -> str:
    if code in {BAD_LOGIN, NOT_AUTHORIZED}:
        return (
            f"消息服务器 {_where(broker)} 拒绝登录，请核对用户名 {broker.username} 和密码文件 {broker.password_file}"
            f" / broker {_where(broker)} refused the login: check username {broker.username}"
            f" and password file {broker.password_file}"
        )
    if code == UNSUPPORTED_PROTOCOL and broker.ca_file is not None and broker.cert_file is None:
        return (
            f"消息服务器 {_where(broker)} 握手后即断开，如其要求客户端证书请写 cert_file 和 key_file"
            f" / broker {_where(broker)} hung up after the handshake: if it asks for a client certificate, write"
            " cert_file and key_file"
        )
    if code == UNSUPPORTED_PROTOCOL:
        return (
            f"消息服务器 {_where(broker)} 不支持所配置的 MQTT 版本，请写 protocol: auto"
            f" / broker {_where(broker)} does not speak the configured MQTT version: write protocol: auto"
        )
    return (
        f"消息服务器 {_where(broker)} 拒绝连接（原因码 {code:#x}）"
        f" / broker {_where(broker)} refused the connection with reason {code:#x}: see the broker's log"
    )


def subscription_refused(broker: Broker, topics: list[str]) -> str:
    shown = ", ".join(topics[:TOPICS_SHOWN_MAX]) + (" …" if len(topics) > TOPICS_SHOWN_MAX else "")
    return (
        f"消息服务器拒绝订阅 {shown}，请在其访问控制中给用户 {broker.username} 读权限"
        f" / the broker refused to let us read {shown}: grant user {broker.username} read access"
    )


def lost(broker: Broker, why: str) -> str:
    return (
        f"与消息服务器 {_where(broker)} 的连接断开（{why}），正在重连"
        f" / lost the connection to broker {_where(broker)} ({why}); connecting again."
        " If this repeats, look for a second gateway with the same id"
    )


def _where(broker: Broker) -> str:
    return f"[{broker.host}]:{broker.port}" if ":" in broker.host else f"{broker.host}:{broker.port}"
