"""What is heard instead of a voice: synthesis, disguise, tone or silence."""
