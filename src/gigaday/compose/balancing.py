"""What a load balancer is told of the nodes, from the same settings that the nodes use."""

from gigaday.edge.load import Caps
from gigaday.model.plan import PLANS
from gigaday.ops.balancer import Limits
from gigaday.settings import Settings

_FORM_BYTES = 65_536
"""What an upload has around the file itself."""


def balancer_limits(settings: Settings) -> Limits:
    """What one node with these settings allows, all its workers together."""
    caps = Caps()
    upload = max(plan.media_bytes for plan in PLANS.values()) + _FORM_BYTES
    return Limits(
        request_timeout=settings.request_timeout,
        max_in_flight=settings.max_in_flight * settings.workers,
        body_bytes=max(upload, settings.body_limit, settings.batch_limit_bytes),
        header_bytes=caps.header_bytes,
        url_bytes=caps.url_bytes,
        header_count=caps.header_count,
    )
