"""The journal: what came in, what was decided, and why."""
