"""What is delivered without a token, over the chosen back ends."""

from gigaday.api import files, images, links, public
from gigaday.api.declaration import Origin
from gigaday.api.operation import Operation
from gigaday.compose.backends import Backends
from gigaday.ops.remembered import Readable


def delivery_operations(backends: Backends, origin: Origin, key: bytes, documents: Readable) -> list[Operation]:
    """Files, renderings, links to them and published catalogues. `key` signs links; `documents` has tenants and
    media."""
    cached = bool(backends.edges.purges)
    delivering = files.Delivering(
        documents, backends.objects, backends.images, backends.clock, key, backends.files, tagged=cached
    )
    return [
        *files.operations(delivering),
        *images.operations(delivering),
        *links.operations(delivering, backends.edges.cdn, backends.edges.cookies),
        *public.operations(origin, purged=cached),
    ]
