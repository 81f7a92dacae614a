"""What each trouble is called, and what staff can do about it: (cause, cure), as a school's staff would say it."""

from __future__ import annotations

from gateway.uplinks.verdict import Trouble

WORDS_ZH: dict[str, tuple[str, str]] = {
    Trouble.NO_ANSWER: ("对方没有应答", "检查网络和 DNS, 问一下区平台是否正常; 恢复后自动续传"),
    Trouble.NAME: ("查不到对方的网络地址 (DNS)", "检查网关的 DNS 设置和 url 里的域名; 恢复后自动续传"),
    Trouble.TLS: (
        "对方的证书不可信, 什么也没有发送",
        "先看本机时间对不对; 再请对方检查证书: 过期、域名不符或颁发机构不受信任; 换好后自动续传",
    ),
    Trouble.TOKEN: ("本机的密钥不能用", "把 district redeem 领到的密钥写进 token_file, 并让网关用户可读"),
    Trouble.UNAUTHORIZED: ("对方不认识本网关的密钥", "请区平台重新登记本网关, 换上新密钥"),
    Trouble.FORBIDDEN: ("密钥属于别的学校或网关", "换上本网关自己的密钥"),
    Trouble.NOT_FOUND: ("地址不对", "检查 uplinks 里的 url, 以 /v1 结尾"),
    Trouble.BUSY: ("对方忙, 要求稍后再传", "不用处理, 自动重试"),
    Trouble.SERVER_ERROR: ("对方系统出错", "不用处理, 自动重试; 时间长了联系区平台"),
    Trouble.NOT_A_RECEIPT: ("应答不是区平台的回执", "检查 url; 看看网络是否弹出了登录页面"),
    Trouble.DAMAGED: ("数据在路上被改动", "检查中间的代理或防火墙"),
    Trouble.FENCED: (
        "另一台机器正在以本网关的名义上报",
        "停掉那台; 确认由本机上报后运行 campus-gateway buffer new-epoch",
    ),
    Trouble.CLONED: (
        "另一台机器正在以本网关的名义上报",
        "停掉那台; 确认由本机上报后运行 campus-gateway buffer new-epoch",
    ),
    Trouble.COVERED: ("对方已按别的分段收过其中一部分", "联系区平台"),
    Trouble.FOLDER: ("导出文件夹写不进去", "检查文件夹在不在、能不能写、还有没有空间"),
    Trouble.REFUSED: ("对方拒绝接收", "检查 url 和中间的防火墙, 或联系区平台"),
}
"""By the code before the colon in an uplink's ``error``."""


def words_of(error: str) -> tuple[str, str]:
    """(cause, cure) of a stored ``code: sentence``; empty where a kind has a code of its own."""
    return WORDS_ZH.get(error.partition(":")[0], ("", ""))
