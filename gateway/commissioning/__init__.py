"""Putting a bus and its meters into service: who is there, is it read rightly, does the panel agree. Only ever reads."""
