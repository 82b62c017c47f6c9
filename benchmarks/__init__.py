"""How fast Penguin is, measured beside what it can't be faster than, and beside others: `make bench`."""
