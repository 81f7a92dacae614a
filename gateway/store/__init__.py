"""The buffer: the only SQL that writes it. One writer, one connection, accepted means committed."""
