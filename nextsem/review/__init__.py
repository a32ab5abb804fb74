"""What two revisions differ in, what that is worth, and how it is told; reads only what is in Git."""
