"""What attackers learn of people and voices of the data folder."""
