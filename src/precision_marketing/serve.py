"""The command ``python -m precision_marketing.serve``; what it does is in ``serving.endpoint``."""

from precision_marketing.serving.endpoint import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
