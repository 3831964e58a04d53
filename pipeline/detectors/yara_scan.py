"""The YARA scanner under the name that the stages' context asks for."""

from pipeline.detectors.yara_rules import YaraMatch, YaraScanner

__all__ = ["YaraMatch", "YaraScanner"]
