"""Readings in, events out. Pure: no I/O and no clock; every instant comes with the reading."""
