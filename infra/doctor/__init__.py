"""Looks a whole deployment over, says what is wrong, and repairs what it safely can."""

from infra.doctor.examination import Examined, examine
from infra.doctor.finding import Finding

__all__ = ["Examined", "Finding", "examine"]
