"""The worker: activities that run attempts, slots, and the owner of a working tree."""
