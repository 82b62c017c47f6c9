"""The blueprint that `penguin init` writes where there are no tasks."""

from __future__ import annotations

EXAMPLE_PATH = "blueprints/example.md"
"""Relative to the workspace."""
EXAMPLE_TASK = "hello-script"
EXAMPLE_TEXT = """\
---
id: example
title: A first task
---

# A first task

Type `/workflow start hello-script` and watch this task go through its four gates.

## Tasks

### 1. Write a greeting script

- **ID:** `hello-script`
- **Priority:** high
- **Effort:** 1
- **Dependencies:** none

`example/hello.sh NAME` greets a person by name, or the whole world without a name.

The commands below replace the gates of `penguin.yaml` for this task. IMPLEMENT writes the same file each time it runs:
a failed gate runs again, so its commands must be safe to repeat.

```yaml phases
implement:
  run:
    - |
      mkdir -p example
      printf '%s\\n' '#!/bin/sh' 'echo "Hello, ${1:-world}!"' > example/hello.sh
      chmod +x example/hello.sh
test:
  run:
    - sh -n example/hello.sh
    - test "$(sh example/hello.sh Ada)" = "Hello, Ada!"
```

#### Acceptance Criteria

- [ ] Greets the world without a name `check: sh example/hello.sh | grep -x "Hello, world!"`
- [ ] Can be run as a program `check: test -x example/hello.sh`

#### Recipe: greet-a-person

```shell expect_stdout="Hello, Grace!"
sh example/hello.sh Grace
```
"""
