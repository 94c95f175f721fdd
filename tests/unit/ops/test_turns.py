"""Short turns while requests are refused."""

from gigaday.ops.turns import LONG, SHORT, Turns


async def test_turns_are_short_while_requests_are_refused_and_long_again_afterwards() -> None:
    counted, intervals = [0], []
    turns = Turns(lambda: counted[0], intervals.append)
    await turns.share()
    counted[0] = 3
    await turns.share()
    await turns.share()
    assert intervals == [LONG, SHORT, LONG]
