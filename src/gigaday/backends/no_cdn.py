"""No CDN: the nodes themselves deliver, and nobody else keeps anything."""

from collections.abc import Sequence

from gigaday.contracts import Delivery


class NoCdn:
    """`Cdn` of links to the node that makes them."""

    def link(self, delivery: Delivery) -> str:
        return delivery.path

    async def purge(self, tags: Sequence[str]) -> None:
        """Nothing: what nodes themselves cache is told of writes by other means."""

    async def ping(self) -> None:
        """Nothing: it is there as long as the node is."""

    async def close(self) -> None:
        """Nothing to release."""
