"""Nodes of one base keep their files in one place, or do not begin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from callrouter.app import CannotServe, create_app, prepare_base
from callrouter.settings import BadSettings, Settings

SHARED = "one key for all nodes"


async def begin(settings: Settings) -> None:
    """As a server begins, and ends at once."""
    server = create_app(replace(settings, public_url="http://calls.example"))
    try:
        await prepare_base(server.service, lambda _line: None)
    finally:
        await server.service.database.close()


def node(folder: Path, url: str, *, shared: bool = False, files: str = "") -> Settings:
    return Settings(
        data_dir=folder,
        database_url=url,
        secret_key=SHARED,
        files_shared=shared,
        files_url=files,
        environ={"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"},
    )


async def test_a_second_node_with_a_folder_of_its_own_does_not_begin(
    postgres_url: str, tmp_path: Path
) -> None:
    first, second = node(tmp_path / "a", postgres_url), node(tmp_path / "b", postgres_url)
    await begin(first)
    await begin(first)
    with pytest.raises(CannotServe, match=r"folder of another node.*CALLROUTER_FILES_SHARED=1"):
        await begin(second)


async def test_a_second_node_begins_when_the_place_is_one(
    postgres_url: str, tmp_path: Path
) -> None:
    await begin(node(tmp_path / "a", postgres_url))
    await begin(node(tmp_path / "b", postgres_url, shared=True))
    await begin(node(tmp_path / "c", postgres_url, files=(tmp_path / "a" / "files").as_uri()))
    await begin(node(tmp_path / "d", postgres_url, files="s3://bucket/prefix"))


async def test_a_base_of_one_server_takes_any_folder(sqlite_url: str, tmp_path: Path) -> None:
    await begin(node(tmp_path / "a", sqlite_url))
    await begin(node(tmp_path / "b", sqlite_url))


async def test_a_bucket_without_keys_is_said_before_anything_begins(tmp_path: Path) -> None:
    settings = replace(node(tmp_path, "", files="s3://bucket"), environ={})
    with pytest.raises(BadSettings, match="CALLROUTER_FILES_URL: s3:// needs AWS_ACCESS_KEY_ID"):
        await begin(settings)
