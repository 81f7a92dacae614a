"""What is made from the buffer on a schedule. Pure over what ``gateway.query`` answers; the worker runs it."""
