"""Every word the pages show, Chinese first. A page asks for a word by its name and gets it in the reader's language."""

from __future__ import annotations

from typing import Literal

from district.pages.words_pages import PAGE_WORDS
from district.pages.words_sheets import SHEET_WORDS
from district.pages.words_tiers import TIER_WORDS

Language = Literal["zh", "en"]

WORDS: dict[str, tuple[str, str]] = {
    **PAGE_WORDS,
    **SHEET_WORDS,
    **TIER_WORDS,
    "title": ("区教育局后勤数据平台", "District logistics data"),
    "hub_of": (
        "校区汇总:本机只接收 {site} 一个校区各网关的数据;其他学校的网关不予登记。",
        "Hub: this takes in the gateways of the campus {site} alone; those of another site are refused.",
    ),
    "schools": ("学校", "Schools"),
    "school": ("学校", "School"),
    "all_schools": ("全部学校", "All schools"),
    "status": ("状态", "Status"),
    "last_contact": ("最近联系", "Last contact"),
    "completeness": ("完整率", "Completeness"),
    "today": ("今日", "Today"),
    "seven_days": ("近 7 天", "Last 7 days"),
    "this_month": ("本月", "This month"),
    "electricity": ("用电", "Electricity"),
    "water": ("用水", "Water"),
    "gas": ("用气", "Gas"),
    "heat": ("用热", "Heat"),
    "estimated": ("估", "est."),
    "slots": ("个刻钟", "quarter-hours"),
    "open_events": ("未关闭的重要事件", "Open events of high levels"),
    "no_events": ("没有未关闭的事件。", "No open events."),
    "level": ("级别", "Level"),
    "level_1": ("紧急", "Critical"),
    "level_2": ("重要", "Major"),
    "level_3": ("一般", "Minor"),
    "level_4": ("提示", "Notice"),
    "kind": ("现象", "What"),
    "subject": ("对象", "Where"),
    "since": ("开始", "Since"),
    "normal": ("正常", "Normal"),
    "late": ("延迟", "Late"),
    "offline": ("离线", "Offline"),
    "never": ("从未上报", "Never heard"),
    "points": ("测点与逐日数据", "Points and days"),
    "point": ("测点", "Point"),
    "space": ("位置", "Space"),
    "unit": ("单位", "Unit"),
    "gateways": ("网关", "Gateways"),
    "gateway": ("网关", "Gateway"),
    "received_to": ("已收到序号", "Received up to"),
    "refused": ("拒收记录", "Refused records"),
    "incidents": ("身份异常", "Identity in doubt"),
    "incidents_note": (
        "以下数据已拒收,未计入统计,需要人工核实。",
        "What is listed here was refused and counts nowhere; a person has to look into it.",
    ),
    "fenced": (
        "旧缓存仍在上报:该网关已换用新的缓存,可能有备份卡被重新启用。",
        "A closed buffer still reports: this gateway has begun a new one, perhaps an old card was put back.",
    ),
    "cloned": (
        "两台设备使用同一身份:同一段记录内容不同,可能存储卡被复制。",
        "Two machines speak as this gateway: one stretch came with two contents, perhaps a card was copied.",
    ),
    "times": ("次数", "Times"),
    "last_seen": ("最近一次", "Last seen"),
    "no_points": (
        "这所学校还没有上报测点。网关第一次上报后,这里会列出全部测点。",
        "This school has not described its points yet; they appear with the first upload.",
    ),
    "empty_title": ("还没有登记学校", "No school is enrolled yet"),
    "empty_steps": ("三步接入一所学校:", "Three steps to bring one in:"),
    "empty_1": ("在本机登记网关,并记下打印的登记码(一次有效):", "Enrol its gateway here and keep the token (good once):"),
    "empty_2": (
        "在网关上用登记码换取密钥文件,在学校配置的 uplinks 里写上本平台地址和这个文件。",
        "On the gateway redeem the token for its key file; name this address and that file under uplinks in its site file.",
    ),
    "empty_3": ("启动网关,一分钟内这里就会出现学校。", "Start the gateway; the school appears within a minute."),
    "none": ("—", "—"),
    "no_meter": ("没有总表数据", "no main meter yet"),
    "language": ("English", "中文"),
    "not_found": ("没有这所学校", "No such school"),
    "unavailable": ("数据库暂时没有回答,请稍后再试", "The database is not answering; try again in a moment"),
}  # fmt: skip


def word(name: str, language: Language) -> str:
    """KeyError when the catalogue lacks it: a page never shows a bare name."""
    return WORDS[name][0 if language == "zh" else 1]


def known(name: str, language: Language) -> str | None:
    """The word for something a gateway named; None where we have none for it."""
    return word(name, language) if name in WORDS else None


def age(seconds: float, language: Language) -> str:
    """How long ago, in the largest unit that fits."""
    for size, zh, en in ((86_400, "天前", "d ago"), (3_600, "小时前", "h ago"), (60, "分钟前", "min ago")):
        if seconds >= size:
            return f"{int(seconds // size)} {zh if language == 'zh' else en}"
    return "刚刚" if language == "zh" else "just now"


def number(value: float | None, digits: int = 1) -> str:
    """Thousands separated; an em dash for what is not known."""
    return "—" if value is None else f"{value:,.{digits}f}"


def percent(rate: float | None) -> str:
    """Rounded down to a tenth, so that 99.96 % is never shown as all."""
    return "—" if rate is None else f"{int(rate * 1000) / 10:.1f}%"
