"""Who runs the jobs of a batch: processes on this machine, or actors on a Ray cluster."""
