"""Students as sequences of terms, in memory and on disk."""
