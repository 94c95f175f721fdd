"""The laboratory's S3 server, with a client of it that is not ours; TEST_SWIFT_VENV names where Swift is installed."""

import os
from pathlib import Path

import boto3
from botocore.config import Config

from gigaday.lab.servers import swift
from gigaday.lab.servers.swift import ACCESS_KEY, REGION

__all__ = ["ACCESS_KEY", "REGION", "VENV", "Swift"]

VENV = Path(os.environ.get("TEST_SWIFT_VENV") or Path(__file__).parents[2] / ".venv" / "swift")


class Swift(swift.Swift):
    """Under `folder`; use `start`, then `stop`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, venv=VENV)

    def environ(self, bucket: str) -> dict[str, str]:
        """The settings that make Gigaday use it."""
        return self.settings(bucket)

    def client(self):
        """boto3's client."""
        config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, connect_timeout=2)
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=self.secret, config=config,
        )  # fmt: skip
