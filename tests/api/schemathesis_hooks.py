"""How schemathesis writes bodies of a type that it does not know."""

import schemathesis
from schemathesis.transport.serialization import serialize_binary


@schemathesis.serializer("application/offset+octet-stream")
def chunk(context: schemathesis.SerializationContext, value: object) -> bytes:
    return serialize_binary(value)
