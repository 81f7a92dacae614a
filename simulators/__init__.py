"""Simulated devices and a campus whose truth is known.

Writes registers and payloads with its own few lines, from profiles and the site file alone, so that a fault in the
gateway's codecs cannot cancel out here. Imports no gateway, no district, no codec of devices.
"""
