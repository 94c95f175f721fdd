"""`gigaday config`: every setting, and where its value came from."""

from cyclopts import App

from gigaday.cli.output import AsJson, show
from gigaday.cli.session import Load


def register(app: App, load: Load) -> None:
    """Adds the group to `app`; `load` reads the settings when a command runs."""
    config = App(name="config", help="Show and validate the settings.")
    app.command(config)

    @config.command(name="show")
    def show_(*, json: AsJson = False) -> None:
        """Show every setting with its source. Secrets are hidden."""
        from gigaday import settings

        show(settings.describe(load()), json)

    @config.command
    def validate(*, json: AsJson = False) -> None:
        """Check the settings without connecting anywhere; exits with 2 and every fault where one is wrong."""
        load()
        show({"settings": "valid"}, json)
