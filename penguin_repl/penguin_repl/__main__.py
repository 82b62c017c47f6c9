"""`python -m penguin_repl` is `penguin`."""

from __future__ import annotations

import sys

from penguin_repl.main import main

sys.exit(main())
