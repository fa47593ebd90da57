"""What every command runs on: cancellation, progress, threads, signals, storage errors."""
