"""`gigaday tokens`: what a caller shows. A secret is printed once, when made."""

from typing import Any, Literal

from cyclopts import App

from gigaday.cli.output import AsJson, note, show
from gigaday.cli.session import Load, with_tenancy

ONCE = "Keep the secret now: it is not stored and will not be shown again."


def register(app: App, load: Load) -> None:
    """Adds the group to `app`; `load` reads the settings when a command runs."""
    tokens = App(name="tokens", help="Create, list, rotate and revoke a tenant's tokens.")
    app.command(tokens)

    @tokens.command
    def create(
        tenant: str,
        *,
        name: str = "cli",
        kind: Literal["secret", "publishable"] = "secret",
        scope: list[str] | None = None,
        expires_in: int | None = None,
        json: AsJson = False,
    ) -> None:
        """Make a token for TENANT; every scope of its kind unless --scope is given (repeatedly).

        --expires-in is in seconds; without it the token does not expire. A publishable token can only read.
        """
        made = with_tenancy(load, lambda service: service.create_token(tenant, name, kind, scope, expires_in))
        _show_secret(made, json)

    @tokens.command(name="list")
    def list_(tenant: str, *, json: AsJson = False) -> None:
        """List a tenant's tokens, without their secrets."""
        show([_public(token) for token in with_tenancy(load, lambda service: service.list_tokens(tenant))], json)

    @tokens.command
    def rotate(tenant: str, id: str, *, overlap: int = 3600, json: AsJson = False) -> None:
        """Replace a token, once: the old one works for OVERLAP more seconds, the new one until the old one's end."""
        _show_secret(with_tenancy(load, lambda service: service.rotate_token(tenant, id, overlap)), json)

    @tokens.command
    def revoke(tenant: str, id: str, *, json: AsJson = False) -> None:
        """Refuse a token everywhere within a second; it cannot be undone."""
        with_tenancy(load, lambda service: service.revoke_token(tenant, id))
        show({"_id": id, "status": "revoked"}, json)


def _show_secret(made: tuple[dict[str, Any], str], as_json: bool) -> None:
    record, secret = made
    show({**_public(record), "secret": secret}, as_json)
    note(ONCE)


def _public(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "digest"}
