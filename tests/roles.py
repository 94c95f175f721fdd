"""A machine whose keys for S3 come from elsewhere and expire."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from botocore.session import Session


class Role:
    """A profile whose keys a command tells, with when they expire: as short-lived as those of a machine's role."""

    def __init__(self, folder: Path) -> None:
        self._answer, config = folder / "answer.json", folder / "config"
        config.write_text(f"[profile role]\ncredential_process = cat {self._answer}\n")
        self.session = Session(profile="role")
        self.session.set_config_variable("config_file", str(config))
        self.session.set_config_variable("credentials_file", str(folder / "none"))

    def tell(self, name: str, minutes: float, secret: str = "secret", token: str | None = "token") -> None:
        expires = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
        self._answer.write_text(json.dumps({
            "Version": 1, "AccessKeyId": name, "SecretAccessKey": secret, "SessionToken": token,
            "Expiration": expires,
        }))  # fmt: skip
