"""Many recordings at once: planned, redacted by workers, each published and verified or refused with its reason."""
