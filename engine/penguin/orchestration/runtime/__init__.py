"""What both backends do around the core: plan starts and retries, run attempts, decide when work is settled."""
