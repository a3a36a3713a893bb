"""The command ``python -m precision_marketing.server``; what it does is in ``serving.server``."""

from precision_marketing.serving.server import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
