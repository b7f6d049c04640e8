"""Version 1 of the WebSocket API (kraken/60)."""
