from gigaday.rules import tags


def test_a_write_invalidates_the_item_and_the_lists_but_no_other_item() -> None:
    changed = set(tags.changed("acme", "products", ["a"]))
    assert changed & set(tags.of_item("acme", "products", "a"))
    assert changed & set(tags.of_list("acme", "products"))
    assert not changed & set(tags.of_item("acme", "products", "b"))
    assert not changed & set(tags.of_item("other", "products", "a"))


def test_many_items_at_once_are_told_as_their_collection() -> None:
    changed = tags.changed("acme", "products", [str(number) for number in range(1000)])
    assert changed == ("acme/products",)
    assert set(changed) & set(tags.of_item("acme", "products", "7"))
    assert set(changed) & set(tags.of_list("acme", "products"))


def test_a_tenant_and_everything_hold_all_that_is_its() -> None:
    for held in (tags.of_item("acme", "products", "a"), tags.of_list("acme", "media")):
        assert tags.tenant("acme") in held
        assert tags.ALL in held
        assert {tags.owner_of(tag) for tag in held} == {"acme", tags.ALL}


def test_what_is_public_depends_on_whether_its_tenant_publishes() -> None:
    held = tags.of_public("acme", tags.of_list("acme", "products"))
    assert set(tags.changed("operator", "tenants", ["acme"])) & set(held)
    assert set(tags.changed("operator", "tenants", [str(number) for number in range(100)])) & set(held)
    assert not set(tags.changed("operator", "tenants", ["other"])) & set(held)


def test_only_what_may_be_public_is_delivered() -> None:
    told = ["*", "acme", "operator", "acme/products", "acme/products/", "acme/media/m", "operator/tenants/acme"]
    assert all(map(tags.delivered, told))
    assert not any(map(tags.delivered, ["acme/trash/t", "acme/uploads/", "operator/tokens/t", "operator/tokens"]))
