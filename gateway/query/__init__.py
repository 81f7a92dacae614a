"""The only door for readers: read-only SQL on its own connections, answers as plain values. Never writes, never blocks
the writer, and works while the collector is down."""
