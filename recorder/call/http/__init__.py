"""Ways into a call over HTTP: WHIP and WHEP, with tokens and rate limits."""
