"""Where a batch reads recordings from and publishes bundles to."""
