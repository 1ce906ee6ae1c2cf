"""Views: one module for each group of addresses."""
