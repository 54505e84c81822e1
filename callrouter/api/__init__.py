"""REST for programs under `/api/v1`: one file per noun."""

from callrouter.api.attach import add_api

__all__ = ["add_api"]
