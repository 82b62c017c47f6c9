"""Maintenance of databases: backups, checks, pruning, and what crashes left behind."""
