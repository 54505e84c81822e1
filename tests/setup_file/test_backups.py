"""`[backups]`: when, how many and where to."""

import pytest

from tests.setup_file.good import GOOD, assert_told, problems_of


@pytest.mark.parametrize(
    ("setting", "key", "allowed"),
    [
        ('at = "3 am"', "backups.at", '"03:15"'),
        ('at = "24:00"', "backups.at", '"03:15"'),
        ("days = 0", "backups.days", "1"),
        ("weeks = -1", "backups.weeks", "0"),
        ('to = "/mnt/disk"', "backups.to", "file:///DIR"),
        ('to = "ftp://host/x"', "backups.to", "s3://BUCKET/PREFIX"),
        ('to = "s3://"', "backups.to", "s3://BUCKET/PREFIX"),
        ('to = "run:"', "backups.to", "run:COMMAND"),
        ("to = 'run:rclone \"copy'", "backups.to", "run:COMMAND"),
    ],
)
def test_a_mistake_is_told_by_its_key(setting: str, key: str, allowed: str) -> None:
    assert_told(f"{GOOD}\n[backups]\n{setting}\n", key, allowed)


@pytest.mark.parametrize(
    "setting",
    [
        'at = "00:00"\ndays = 1\nweeks = 0',
        'to = "file:///mnt/disk"',
        'to = "s3://bucket"',
        'to = "s3://bucket/a/b"',
        'to = "s3://bucket/a?endpoint=https://s3.example.com"',
        "to = 'run:rclone copyto --retries 5'",
    ],
)
def test_what_is_allowed_is_taken(setting: str) -> None:
    assert problems_of(f"{GOOD}\n[backups]\n{setting}\n") == ()
