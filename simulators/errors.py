"""What a simulator says when it cannot start; the message names the thing and the cure."""

from __future__ import annotations


class SimulatorError(Exception):
    """Is raised for what whoever starts the simulator can put right: a port, a path, a fault's name, a site file."""
