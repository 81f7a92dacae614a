"""What a meter or sensor is. Pure: no sockets, no clock, no asyncio."""
