"""One site: what the installer writes, checked and put together with the profiles. Imports devices only."""
