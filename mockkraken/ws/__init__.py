"""The WebSocket side of the exchange."""
