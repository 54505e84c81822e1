"""Writes the next version: what the tables have and the versions so far do not."""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import Script
from sqlalchemy import create_engine

from storage import migrations


def main(message: str) -> None:
    number = f"{len(migrations.versions()) + 1:04}"
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'base.sqlite'}")
        with engine.connect() as conn:
            config = migrations.configured(conn)
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.upgrade(config, "head")
            script = command.revision(config, message, autogenerate=True, rev_id=number)
        engine.dispose()
    if isinstance(script, Script):
        tidy(Path(script.path))


def tidy(file: Path) -> None:
    lines = file.read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("    # ###"))
    file.write_text(text.replace("text('(false)')", "false()").replace("text('(true)')", "true()"))


if __name__ == "__main__":
    main(sys.argv[1])
