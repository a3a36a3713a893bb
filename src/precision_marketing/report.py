"""The command ``python -m precision_marketing.report``; what it does is in ``quality.report``."""

from precision_marketing.quality.report import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
