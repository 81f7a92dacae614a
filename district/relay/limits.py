"""Every bound of the relay in one place."""

from __future__ import annotations

MIB = 1024 * 1024
WAITING_MIB = 64
"""What may wait of one gateway, by default: some three months of 300 points, compressed."""
FULL_RETRY_S = 300
CLAIM_MS = 90_000
"""How long a lane belongs to the process that took it; longer than one exchange may take. It goes on after a kill."""
LANES_MAX = 10_000
"""Lanes looked at in one round: all there may be, so that those which must wait hide no other."""
AT_ONCE = 4
"""Lanes that send at the same time to one upstream."""
BATCHES_PER_ROUND = 50
"""Of one lane, before others have their turn."""
POLL_S = 5.0
"""How often a process looks for what others accepted; its own wakes it at once."""
CONNECT_S, TOTAL_S = 10.0, 60.0
FIRST_S, LONGEST_S, SHORTEST_S = 2.0, 300.0, 0.5
DETAIL_MAX = 1000
"""Characters kept of what the district above said."""
