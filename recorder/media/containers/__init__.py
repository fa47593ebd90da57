"""What containers tell that libav does not."""
