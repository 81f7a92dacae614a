"""Our figures beside the bare libraries', measured in the same run on the same machine; only ratios carry over."""
