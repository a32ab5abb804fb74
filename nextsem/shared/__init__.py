"""Shared by all packages: parameters, files, errors, and how a program runs."""
