"""Examines a whole deployment, reports problems, and repairs those that it safely can."""

from infra.doctor.examination import Examined, examine
from infra.doctor.finding import Finding

__all__ = ["Examined", "Finding", "examine"]
