"""Photos and paintings that styles are learned from."""
