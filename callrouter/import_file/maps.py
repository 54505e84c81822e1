"""Reads map.toml: which heading of a file is which field."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import cast

from callrouter.import_file.headings import FIELDS
from callrouter.import_file.problems import BadFile
from callrouter.setup_file.problems import allowed_words


def read_map(path: Path, fields: Collection[str] = FIELDS) -> Mapping[str, str]:
    """Fields by heading, as `[columns]` of the file says. Raises BadFile with all that is wrong."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadFile(f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"is not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadFile(f"is not TOML: {error}") from error
    problems = [f'"{key}" is not known; allowed: [columns]' for key in given if key != "columns"]
    columns = given.get("columns", {})
    if not isinstance(columns, dict):
        raise BadFile('columns: allowed: a table of headings, e.g. "Тел." = "phone"')
    problems += [
        f'columns."{heading}": "{field}" is not a field; {allowed_words(fields, field)}'
        for heading, field in columns.items()
        if field not in fields
    ]
    if problems:
        raise BadFile("\n".join(problems))
    return cast("Mapping[str, str]", columns)
