"""From states to gradients to new values: phases, losses, optimizers, schedules."""
