"""The landing of verified commits on a branch of the user's repository, safe against a crash at any point."""

from __future__ import annotations

from penguin.orchestration.worktree.landing.land import LandingRequest, land
from penguin.orchestration.worktree.landing.recovery import recover
from penguin.orchestration.worktree.landing.target_branch import prepare_target

__all__ = ["LandingRequest", "land", "prepare_target", "recover"]
