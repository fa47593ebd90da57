"""The page on which participants answer where the call has no way to ask them, and the links that lead there."""
