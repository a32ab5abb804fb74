"""Recurrent networks, and training many of them at once; independent of the student data."""
