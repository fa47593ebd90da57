"""What an audit measures of the engine itself."""
