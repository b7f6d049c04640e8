"""Who are you, and may you: the checks that every private request passes before business logic (kraken/10 §0)."""
