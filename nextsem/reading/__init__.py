"""Foreign tables and transcripts: read, checked and described."""
