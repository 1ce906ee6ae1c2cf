"""The pure rules of jobs: values, and functions from one record to the next."""
