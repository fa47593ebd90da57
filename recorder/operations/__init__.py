"""What an operator sees of a running recorder: a log, metrics and a health check; numbers, ids and states only."""
