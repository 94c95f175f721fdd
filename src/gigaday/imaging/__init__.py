"""Images rendered anew: by child processes that may die without harm, each rendering once and then stored."""
