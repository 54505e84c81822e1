"""Durable work after the answer: the worker, and one file per kind of job."""
