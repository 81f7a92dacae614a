"""TLS to a broker: who may sign its certificate, who we are, and what a failed handshake means.

Knows certificates and OpenSSL's words; does not know MQTT. Guarantees: the chain and the host name are always verified,
at least TLS 1.2, and a handshake that fails leaves no socket open. The files are read for each connection, so that a
renewed certificate needs no restart.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from edge_config.schema import Broker

EXPIRED, NOT_YET_VALID = 10, 9
PLAIN_SIGNS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER", "UNEXPECTED_EOF")
OTHER_HOST = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH (OpenSSL, x509_vfy.h)."""


class _Socket(ssl.SSLSocket):
    """Closes itself when the handshake fails: nobody else holds it then."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def context_of(broker: Broker) -> ssl.SSLContext | None:
    """None for plain TCP. Raises OSError (ssl.SSLError is one) naming the file that cannot be used. Blocks."""
    if broker.ca_file is None:
        return None
    context = ssl.create_default_context(cadata=_text(broker.ca_file))
    context.sslsocket_class = _Socket
    if broker.cert_file is not None:
        context.load_cert_chain(broker.cert_file, broker.key_file)
    return context


def _text(path: str) -> str:
    """The certificates of a PEM file, named in the error when it cannot be read or holds none."""
    text = Path(path).read_text(encoding="ascii", errors="replace")
    if "BEGIN CERTIFICATE" not in text:
        raise ssl.SSLError(0, f"{path} holds no certificate")
    return text


def is_about(broker: Broker, error: Exception) -> bool:
    """Whether an error came of TLS: a plain port hangs up on its first bytes."""
    return isinstance(error, ssl.SSLError) or (
        broker.ca_file is not None and isinstance(error, ConnectionResetError)
    )


def why(broker: Broker, error: Exception) -> tuple[str, str]:
    """What went wrong with its cure, in Chinese and in English."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _unverified(broker, error)
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    if isinstance(error, ConnectionResetError) or any(sign in reason for sign in PLAIN_SIGNS):
        return (
            "对方没有使用 TLS，请改用 TLS 端口（常为 8883）",
            "it does not speak TLS: use its TLS port, often 8883",
        )
    if "ALERT" in reason and "CERT" in reason:
        return (
            f"服务器不接受本机证书 {broker.cert_file}，请换成它认可的证书",
            f"it does not accept our certificate {broker.cert_file}: name one it trusts",
        )
    return f"TLS 握手失败：{reason}", f"TLS failed ({reason}): check ca_file, cert_file and key_file"


def _unverified(broker: Broker, error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    if error.verify_code in OTHER_HOST:
        return (
            f"其证书不属于主机 {broker.host}，请把 host 写成证书中的名称或重发证书",
            f"its certificate is not for {broker.host}: write host as the certificate says, or issue another one",
        )
    if error.verify_code == EXPIRED:
        return (
            "其证书已过期，请更新服务器证书并核对时钟",
            "its certificate has expired: renew it, and check the clocks",
        )
    if error.verify_code == NOT_YET_VALID:
        return (
            "其证书尚未生效，请核对本机时钟",
            "its certificate is not valid yet: check this machine's clock",
        )
    return (
        f"其证书不是 {broker.ca_file} 签发的（{error.verify_message}），请换成正确的 CA 文件",
        f"its certificate is not signed by {broker.ca_file} ({error.verify_message}): name the right ca_file",
    )
