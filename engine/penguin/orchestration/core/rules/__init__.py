"""Rules of the contract: what follows an attempt, a landing, and a retry."""
