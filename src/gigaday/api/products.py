"""Products."""

from gigaday.api.declaration import Resource
from gigaday.model.media import MEDIA
from gigaday.model.product import PRODUCTS, NewProduct, Product, ProductPatch

RESOURCE = Resource(
    name="products",
    singular="product",
    collection=PRODUCTS,
    create=NewProduct,
    patch=ProductPatch,
    answer=Product,
    filters={
        "name": "text",
        "category": "text",
        "sku": "text",
        "status": "text",
        "price.amount": "integer",
        "price.currency": "text",
        "mediaIds": "array",
        "createdAt": "time",
        "updatedAt": "time",
    },
    sorts=("_id", "createdAt", "updatedAt", "name", "price.amount"),
    references={"mediaIds": MEDIA},
    example={
        "name": "Bar stool",
        "category": "bar",
        "description": "Oak.",
        "sku": "BS-1",
        "price": {"amount": 4900, "currency": "EUR"},
        "attributes": {"height_cm": 75},
    },
)
