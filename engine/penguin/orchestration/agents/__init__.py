"""Coding agents, one adapter for each, behind one interface."""
