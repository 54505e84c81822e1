"""Real calls: SIPp, Kamailio and our own server."""
