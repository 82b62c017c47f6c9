"""What both backends do around the core: plan starts and retries, run attempts, and decide when work is settled."""
