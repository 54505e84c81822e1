"""Speaking to other services: one guarded HTTP client."""
