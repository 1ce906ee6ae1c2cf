"""What arithmetic training runs on."""
