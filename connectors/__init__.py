"""Talking to sales channels: canonical records, platform descriptions and the client beneath them."""
