"""The control API: what tests and tools do to a sandbox from outside the exchange, over HTTP and in Python."""
