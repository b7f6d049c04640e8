"""The REST API: routes, parameters, endpoints and the shapes of their answers."""
