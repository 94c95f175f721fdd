"""`gigaday tenants`: who owns a catalogue."""

from cyclopts import App

from gigaday.cli.output import AsJson, note, show
from gigaday.cli.session import Load, with_tenancy


def register(app: App, load: Load) -> None:
    """Adds the group to `app`; `load` reads the settings when a command runs."""
    tenants = App(name="tenants", help="Create, list, show and suspend tenants.")
    app.command(tenants)

    @tenants.command
    def create(id: str, *, name: str = "", plan: str = "free", json: AsJson = False) -> None:
        """Make a tenant. Its ID is the `createdBy` of all it owns and never changes."""
        show(with_tenancy(load, lambda service: service.create_tenant(id, name or id, plan, {})), json)

    @tenants.command(name="list")
    def list_(*, limit: int = 100, after: str | None = None, json: AsJson = False) -> None:
        """List tenants by id, from after the id AFTER."""
        show(with_tenancy(load, lambda service: service.list_tenants(limit, after)), json)

    @tenants.command(name="show")
    def show_(id: str, *, json: AsJson = False) -> None:
        """Show one tenant."""
        show(with_tenancy(load, lambda service: service.get_tenant(id)), json)

    @tenants.command
    def suspend(id: str, *, json: AsJson = False) -> None:
        """Refuse every token of a tenant; its data stays."""
        show(with_tenancy(load, lambda service: service.set_status(id, "suspended")), json)
        note(f"Undo with: gigaday tenants resume {id}")

    @tenants.command
    def resume(id: str, *, json: AsJson = False) -> None:
        """Serve a suspended tenant again."""
        show(with_tenancy(load, lambda service: service.set_status(id, "active")), json)
