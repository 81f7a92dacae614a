"""Names, units, labels and national codes of what can be measured. Data, not behaviour.

A quantity's ``kind`` decides its arithmetic: a counter has consumption (differences), a gauge has a time-weighted mean,
a state has a share of time. ``uplink_group`` is the word a site file uses to choose what goes to the district.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Quantity:
    """``unit`` is the canonical unit; profiles scale to it. ``energy_class`` is the national 分类 (01 electricity …)."""

    name: str
    unit: str
    kind: Kind
    label_zh: str
    label_en: str
    group: str
    energy_class: str | None = None
    brick: str | None = None


def _table(*rows: Quantity) -> dict[str, Quantity]:
    return {row.name: row for row in rows}


C, G, S = Kind.COUNTER, Kind.GAUGE, Kind.STATE

QUANTITIES: dict[str, Quantity] = _table(
    Quantity(
        "active_energy_import",
        "kWh",
        C,
        "正向有功电能",
        "Active energy import",
        "energy",
        "01",
        "Electrical_Energy_Usage_Sensor",
    ),
    Quantity(
        "active_energy_export",
        "kWh",
        C,
        "反向有功电能",
        "Active energy export",
        "energy",
        "01",
        "Electrical_Energy_Usage_Sensor",
    ),
    Quantity(
        "active_energy_yield",
        "kWh",
        C,
        "光伏发电量",
        "Solar yield",
        "energy",
        "13",
        "Electrical_Energy_Usage_Sensor",
    ),
    Quantity(
        "active_energy_tariff", "kWh", C, "分时正向有功电能", "Active energy of one tariff", "energy", "01"
    ),
    Quantity("reactive_energy_import", "kvarh", C, "正向无功电能", "Reactive energy import", "energy"),
    Quantity("active_power", "kW", G, "有功功率", "Active power", "power", None, "Electric_Power_Sensor"),
    Quantity("reactive_power", "kvar", G, "无功功率", "Reactive power", "power"),
    Quantity("apparent_power", "kVA", G, "视在功率", "Apparent power", "power"),
    Quantity("voltage", "V", G, "电压", "Voltage", "power", None, "Voltage_Sensor"),
    Quantity("current", "A", G, "电流", "Current", "power", None, "Current_Sensor"),
    Quantity("power_factor", "1", G, "功率因数", "Power factor", "power", None, "Power_Factor_Sensor"),
    Quantity("frequency", "Hz", G, "频率", "Frequency", "power", None, "Frequency_Sensor"),
    Quantity("residual_current", "mA", G, "剩余电流", "Residual current", "safety"),
    Quantity("water_volume", "m³", C, "累计水量", "Water volume", "water", "02", "Water_Usage_Sensor"),
    Quantity("water_flow", "m³/h", G, "瞬时流量", "Water flow", "water", None, "Water_Flow_Sensor"),
    Quantity("gas_volume", "m³", C, "累计燃气量", "Gas volume", "gas", "03", "Natural_Gas_Usage_Sensor"),
    Quantity("heat_energy", "GJ", C, "累计热量", "Heat energy", "heat", "04"),
    Quantity("water_level", "m", G, "水位", "Water level", "safety", None, "Water_Level_Sensor"),
    Quantity("rainfall", "mm", C, "累计雨量", "Rainfall", "weather", None, "Rain_Sensor"),
    Quantity("wind_speed", "m/s", G, "风速", "Wind speed", "weather", None, "Wind_Speed_Sensor"),
    Quantity("co2", "ppm", G, "二氧化碳", "CO₂", "air", None, "CO2_Level_Sensor"),
    Quantity("pm25", "µg/m³", G, "PM2.5", "PM2.5", "air", None, "PM2.5_Level_Sensor"),
    Quantity("pm10", "µg/m³", G, "PM10", "PM10", "air", None, "PM10_Level_Sensor"),
    Quantity("tvoc", "ppb", G, "TVOC", "TVOC", "air", None, "TVOC_Level_Sensor"),
    Quantity("formaldehyde", "mg/m³", G, "甲醛", "Formaldehyde", "air", None, "Formaldehyde_Level_Sensor"),
    Quantity("temperature", "℃", G, "温度", "Temperature", "air", None, "Air_Temperature_Sensor"),
    Quantity("humidity", "%", G, "相对湿度", "Relative humidity", "air", None, "Air_Humidity_Sensor"),
    Quantity("pressure", "hPa", G, "气压", "Air pressure", "air"),
    Quantity("noise", "dB(A)", G, "噪声", "Noise", "air"),
    Quantity("illuminance", "lx", G, "照度", "Illuminance", "air", None, "Illuminance_Sensor"),
    Quantity(
        "cold_temperature",
        "℃",
        G,
        "冷链温度",
        "Cold-chain temperature",
        "canteen",
        None,
        "Temperature_Sensor",
    ),
    Quantity(
        "hot_temperature",
        "℃",
        G,
        "热链温度",
        "Hot-holding temperature",
        "canteen",
        None,
        "Temperature_Sensor",
    ),
    Quantity(
        "cabinet_temperature",
        "℃",
        G,
        "消毒柜温度",
        "Disinfection cabinet temperature",
        "disinfection",
        None,
        "Temperature_Sensor",
    ),
    Quantity("door_open", "1", S, "门开", "Door open", "canteen", None, "Door_Status"),
    Quantity("lamp_on", "1", S, "消毒灯开", "Lamp on", "disinfection", None, "On_Off_Status"),
    Quantity("lamp_power", "W", G, "消毒灯功率", "Lamp power", "disinfection", None, "Electric_Power_Sensor"),
    Quantity("lamp_hours", "h", C, "灯管累计时间", "Lamp hours", "disinfection"),
    Quantity("occupied", "1", S, "有人", "Occupied", "disinfection", None, "Occupancy_Sensor"),
    Quantity("smoke", "1", S, "烟雾报警", "Smoke", "safety", None, "Smoke_Detection_Alarm"),
    Quantity("water_leak", "1", S, "漏水", "Water leak", "safety", None, "Water_Alarm"),
    Quantity("battery", "%", G, "电池电量", "Battery", "device", None, "Battery_Level_Sensor"),
    Quantity("battery_low", "1", S, "电池电量低", "Battery low", "device"),
    Quantity("valve_closed", "1", S, "阀门关闭", "Valve closed", "device", None, "Valve_Status"),
)

# 分项 of electricity after the 2008 guideline; the letter is the third character of an energy code such as 01B00.
ELECTRICITY_ITEMS: dict[str, tuple[str, str]] = {
    "A": ("照明插座", "Lighting and sockets"),
    "B": ("空调", "Air conditioning"),
    "C": ("动力", "Power"),
    "D": ("特殊", "Special"),
}
