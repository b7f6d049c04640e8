"""What a test asks to go wrong between a client and the exchange: rules, what they do, and the requests they hold."""
