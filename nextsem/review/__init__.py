"""Compare two revisions: what differs, and whether errors changed; reads only what is in Git."""
