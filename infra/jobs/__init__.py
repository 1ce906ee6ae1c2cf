"""Jobs: their records, their rules, their manifests, and the service that ties these together."""
