"""The recurrent network, and how many of them are fitted at once; it knows nothing of students."""
