"""What the signals of one campus share: its calendar and meters, and one truth per room, door, lamp and cabinet."""

from __future__ import annotations

from collections.abc import Callable

from edge_config.schema import Device
from edge_config.site import LoadedSite
from simulators import canteen, lamps, rooms
from simulators.lines import Line, Spells
from simulators.meters import Meters
from simulators.noise import SLOTS, unit
from simulators.places import is_freezer, place_of, room_of
from simulators.rooms import Room, RoomDay
from simulators.schoolday import Almanac
from simulators.weather import WeatherDay, weather_day

RoomLine = Callable[[Room, WeatherDay, RoomDay, int], list[float]]


class World:
    """One campus. Equal (site, seed) make equal worlds, in any process."""

    def __init__(self, site: LoadedSite, seed: int) -> None:
        self.site, self.seed = site, seed
        self.almanac = Almanac.of(site)
        self.meters = Meters(site, self.almanac, seed)
        self._stuffy = self._stuffy_room()
        self._rooms: dict[str, Room] = {}
        self._room_days: dict[tuple[str, int], RoomDay] = {}
        self._doors: dict[str, Spells] = {}
        self._lamps: dict[str, Spells] = {}
        self._cabinets: dict[str, Spells] = {}
        self._door_rooms = {
            room_of(d) for d in site.file.devices if self.has(d, "door_open") and not self._heats(d)
        }

    def has(self, device: Device, quantity: str) -> bool:
        return any(p.quantity == quantity for p in self.site.profiles[device.profile].points.values())

    def _stuffy_room(self) -> str | None:
        classrooms = {
            room_of(d)
            for d in self.site.file.devices
            if self.has(d, "co2") and place_of(self.site, d.space) == "teaching"
        }
        return min(classrooms, key=lambda name: unit(self.seed, name, "stuffy"), default=None)

    def weather(self, day: int) -> WeatherDay:
        return weather_day(self.seed, day, self.almanac.year_day(day))

    def outside(self, device: Device) -> bool:
        space = self.site.spaces.get(device.space) if device.space else None
        return space is not None and space.kind == "outdoor"

    def room(self, device: Device) -> Room:
        name = room_of(device)
        if name not in self._rooms:
            self._rooms[name] = rooms.room(name, self.seed, stuffy=name == self._stuffy)
        return self._rooms[name]

    def room_day(self, room: Room, day: int) -> RoomDay:
        known = self._room_days.get((room.name, day))
        if known is None:
            if len(self._room_days) > 3 * max(1, len(self._rooms)):
                self._room_days.clear()
            known = self._room_days[room.name, day] = rooms.room_day(room, self.almanac, day)
        return known

    def room_line(self, device: Device, build: RoomLine) -> Line:
        room = self.room(device)
        return Line(self.almanac, lambda day: build(room, self.weather(day), self.room_day(room, day), day))

    def weather_line(self, pick: Callable[[WeatherDay], tuple[float, ...]]) -> Line:
        return Line(self.almanac, lambda day: pick(self.weather(day)))

    def people(self, device: Device, ms: int) -> float:
        """Share of a full room that is in the device's room."""
        day, rest = self.almanac.day_of(ms)
        return self.room_day(self.room(device), day).people[rest * SLOTS // 86_400_000]

    def _heats(self, device: Device) -> bool:
        return self.has(device, "cabinet_temperature")

    def spells_of(self, device: Device) -> list[Spells]:
        """The states whose changes the device tells at once."""
        lamp = self.has(device, "lamp_on") or self.has(device, "lamp_power")
        spells = [self.lamp(device)] if lamp else []
        door = self.door(device) if self.has(device, "door_open") else None
        return [*spells, door] if door else spells

    def door(self, device: Device) -> Spells | None:
        """The door of the device's room, where some sensor watches one; a cabinet has a door of its own."""
        if self._heats(device):
            return self._cabinet_door(device)
        name = room_of(device)
        if name not in self._door_rooms:
            return None
        if name not in self._doors:
            self._doors[name] = canteen.cold_door(self.almanac, self.seed, name)
        return self._doors[name]

    def cold_line(self, device: Device) -> Line:
        door, freezer = self.door(device), is_freezer(self.site, device)
        return Line(self.almanac, lambda day: canteen.cold_line(self.seed, device.id, freezer, door, day))

    def hot_line(self, device: Device) -> Line:
        return Line(
            self.almanac, lambda day: canteen.hot_line(self.seed, device.id, self.almanac.kind(day), day)
        )

    def cabinet(self, device: Device) -> Spells:
        if device.id not in self._cabinets:
            self._cabinets[device.id] = canteen.cabinet_runs(self.almanac, self.seed, device.id)
        return self._cabinets[device.id]

    def _cabinet_door(self, device: Device) -> Spells:
        if device.id not in self._doors:
            self._doors[device.id] = canteen.cabinet_door(self.almanac, self.seed, device.id)
        return self._doors[device.id]

    def cabinet_line(self, device: Device) -> Line:
        runs = self.cabinet(device)
        return Line(self.almanac, lambda day: canteen.cabinet_line(self.seed, device.id, runs, day))

    def lamp(self, device: Device) -> Spells:
        if device.id not in self._lamps:
            daytime = lamps.is_disinfector(device.profile)
            self._lamps[device.id] = lamps.lamp_runs(self.almanac, self.seed, device.id, daytime)
        return self._lamps[device.id]

    def lamp_rated_w(self, device: Device) -> float:
        return lamps.rated_w(self.seed, device.id, lamps.is_disinfector(device.profile))
