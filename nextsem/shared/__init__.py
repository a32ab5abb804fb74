"""What all rooms share: parameters, files, errors, and how a program runs."""
