"""Version 2 of the WebSocket API (kraken/50)."""
