"""Delivery: one loop per uplink, one encoder per kind of receiver, a verdict per record."""
