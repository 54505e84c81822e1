"""How a decision is said to a PBX: one file per dialect."""
