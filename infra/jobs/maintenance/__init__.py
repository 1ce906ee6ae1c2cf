"""Maintenance: repair losses, and remove jobs whose time is over."""
