"""What happens to a call while it goes on, and how its pieces become a bundle."""
