"""The picture of a topology."""

from typing import Any

from rich.console import Console

from gigaday.lab.picture import picture


def row(name: str, kind: str, state: str = "up", role: str = "") -> dict[str, Any]:
    return {"name": name, "kind": kind, "state": state, "role": role, "address": "127.0.0.1:4000"}


def drawn(*rows: dict[str, Any], width: int = 100) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(picture(rows, "the title"))
    return captured.get()


def test_the_way_of_a_request_leads_from_above_to_below() -> None:
    told = drawn(row("redis-1", "redis"), row("node-1", "node"), row("cdn", "cdn"), row("balancer-1", "balancer"))
    places = [told.index(name) for name in ("the title", "client", "cdn", "balancer-1", "node-1", "redis-1")]
    assert places == sorted(places)


def test_each_shows_its_state_role_and_port() -> None:
    told = drawn(
        row("mongo-1", "mongo", role="PRIMARY"),
        row("mongo-2", "mongo", "frozen"),
        row("node-1", "node", "dead", "ready"),
    )
    assert "● mongo-1 :4000 PRIMARY" in told
    assert "❄ mongo-2 :4000 frozen" in told
    assert "✖ node-1 :4000 dead" in told and "ready" not in told
    assert "1 up, 1 frozen, 1 dead" in told


def test_what_is_not_there_is_not_drawn() -> None:
    told = drawn(row("node-1", "node"))
    assert "CDN" not in told and "MongoDB" not in told and "frozen" not in told


def test_a_name_of_markup_is_drawn_as_it_is() -> None:
    assert "[red]x" in drawn(row("[red]x", "node"))
