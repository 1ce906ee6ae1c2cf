"""The doctor before servers that nobody would wish for."""
