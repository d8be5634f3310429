"""How far each corrector of a domain can be trusted on real data."""
