"""What a rule set costs on data without people."""

from pipeline.detectors.check import Measurement, measure

__all__ = ["Measurement", "measure"]
