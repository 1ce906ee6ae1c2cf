"""What measurements of the service share."""
