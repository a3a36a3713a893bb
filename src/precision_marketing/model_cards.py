"""The command ``python -m precision_marketing.model_cards``; what it does is in ``quality.model_cards``."""

from precision_marketing.quality.model_cards import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
