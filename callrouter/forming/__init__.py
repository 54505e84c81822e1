"""Forms offers and letters from templates, in a process of its own that is bounded."""
