from gigaday.resilience.retry_budget import RetryBudget


def test_retries_are_a_share_of_the_first_attempts() -> None:
    budget = RetryBudget(share=0.1, most=5)
    while budget.spend():
        pass
    retried = 0
    for _ in range(1_000):
        budget.earn()
        retried += budget.spend()
    assert 99 <= retried <= 100
    assert budget.spent == retried + 5


def test_no_more_than_so_many_are_saved_up() -> None:
    budget = RetryBudget(share=0.1, most=3)
    for _ in range(1_000):
        budget.earn()
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]
