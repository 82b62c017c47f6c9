"""`python -m penguin_repl`, the same as `penguin`."""

from __future__ import annotations

import sys

from penguin_repl.main import main

sys.exit(main())
