"""Read, check and describe tables and transcripts from other sources."""
