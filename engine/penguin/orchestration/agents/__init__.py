"""Coding agents: one small adapter each, on one interface."""
