"""The campus pages: read the buffer through ``gateway.query``, command the collector, know nothing of SQL or wires."""
