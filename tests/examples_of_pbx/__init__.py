"""The examples for Asterisk and FreeSWITCH, read as these would read them; neither is run here."""
