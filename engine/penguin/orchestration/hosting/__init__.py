"""What every backend needs around the machine: tasks, starts, who is alive, how attempts are driven, waiting."""
