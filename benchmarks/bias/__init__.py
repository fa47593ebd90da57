"""Who is served worse, by age, sex and skin."""
