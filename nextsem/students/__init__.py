"""What is known of students: sequences of terms, and the prepared form on disk."""
