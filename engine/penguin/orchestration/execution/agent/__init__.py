"""The run of an agent as a step: its request, its stored conversation and its judgement."""
