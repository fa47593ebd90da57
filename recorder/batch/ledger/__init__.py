"""What a batch knows of its recordings: plan, records and the database they are kept in."""
