"""The queues of one chunk: photos that wait, photos for the device, outcomes to commit."""
