"""The command ``python -m precision_marketing.catalogue``; what it does is in ``quality.catalogue``."""

from precision_marketing.quality.catalogue import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
