"""The execution of one attempt: plan, steps, verdicts, evidence, and the launcher that runs processes."""
