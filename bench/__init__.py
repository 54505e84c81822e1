"""Measures the running service against a bare aiohttp echo: `make bench`, `make bench FULL=1`."""
