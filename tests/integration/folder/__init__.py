"""A folder as phones, cameras and NAS boxes leave it, through the whole service."""
