"""The front door: one file per command, every room imported only when its command runs. Imported by no room."""
