"""Commands that write: one JSON line each way over a Unix socket beside the buffer. Knows no command's meaning."""
