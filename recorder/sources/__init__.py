"""Where media comes from: every source yields timed frames and samples per track on one call clock."""
