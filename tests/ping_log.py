"""What a ping that ran on has lost: its own sum counts those as lost that were under way when it was ended."""

import re

_UNDER_WAY = 5
"""The last questions, which may have been under way."""


def lost_in(log: str) -> int:
    """Return how many questions of a ping were not answered.

    Args:
        log: all that `ping` has written, a line an answer.
    """
    sent = re.search(r"(\d+) packets transmitted", log)
    assert sent, log
    answered = set(map(int, re.findall(r"icmp_seq=(\d+) ttl=", log)))
    last = max(answered, default=0)
    after = int(sent[1]) - last
    return last - len(answered) + (after if after > _UNDER_WAY else 0)
