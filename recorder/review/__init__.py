"""A person looks at what came out: what is worth a look, what they mend, and the version that follows."""
