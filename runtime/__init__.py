"""What every process has: a clock, logs, a health endpoint and an orderly stop. Imports no other room."""
